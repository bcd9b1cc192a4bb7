"""Datasette shows the documents of a store as JSON, and a page for each run."""

from __future__ import annotations

import asyncio
import html
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from datasette.app import Datasette
from datasette.utils import tilde_encode

from tandem_store import open_store
from tests.recompression.months import EACH
from tests.support.databases import copied_file
from tests.support.run_records import new_run

pytestmark = pytest.mark.sqlite

_DECODED = "select count(tandem_json(document, encoding)) from {}run_documents_2020_01"
#: Has what URLs and HTML give a meaning to.
_ODD_ID = "a/b c~%<b>'\"&é.json"

Serve = Callable[..., Datasette]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Makes a Datasette; its threads end and its files are closed when the test ends."""
    made: list[Datasette] = []

    def make(*files: Path, **options: Any) -> Datasette:
        made.append(Datasette([str(one) for one in files], **options))
        return made[-1]

    yield make
    for one in made:
        one.executor.shutdown()
        for database in one.databases.values():
            database.close()


@pytest.fixture
def file(history_file: Path, tmp_path: Path) -> Path:
    """A store that the test may change."""
    copied_file(history_file, path := tmp_path / "store.db")
    return path


class Answer:
    """What Datasette answers to one request."""

    def __init__(self, datasette: Datasette, path: str, **parameters: str) -> None:
        response = _run(datasette.client.get(path, params=parameters or None))
        self.status: int = response.status_code
        self.text: str = response.text

    @property
    def rows(self) -> Any:
        """The rows of a result as JSON."""
        return orjson.loads(self.text)["rows"]

    @property
    def preformatted(self) -> list[str]:
        """The texts in the page that keep their lines, without Datasette's own, which is SQL."""
        texts = re.findall(r"<pre(?! class| id)[^>]*>(.*?)</pre>", self.text, re.DOTALL)
        return [html.unescape(one) for one in texts]


def _run(request: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(request)


def record_of(file: Path, run_id: str) -> Any:
    """The part of a run's record that is in its document."""
    with open_store(str(file)) as store, store.read() as tx:
        stored = tx.runs.document(run_id)
    assert stored is not None
    return stored.raw()["record"]


class TestQueries:
    def test_they_decode_documents(self, serve: Serve, history_file: Path) -> None:
        """Of a compacted month."""
        assert Answer(serve(history_file), "/store.json", sql=_DECODED.format("")).rows == [[EACH]]

    def test_also_if_the_file_is_opened_as_immutable(self, serve: Serve, file: Path) -> None:
        """As ``datasette -i`` does."""
        datasette = serve(immutables=[str(file)])

        assert Answer(datasette, "/store.json", sql=_DECODED.format("")).rows == [[EACH]]

    def test_also_across_databases(self, serve: Serve, file: Path, sqlite_template: Path) -> None:
        """Their files are attached to a connection that is there before."""
        copied_file(sqlite_template, other := file.with_name("other.db"))
        datasette = serve(other, file, crossdb=True)

        assert Answer(datasette, "/_memory.json", sql=_DECODED.format("store.")).rows == [[EACH]]

    def test_the_program_finds_the_plugin(self, history_file: Path) -> None:
        """By its entry point, in a process of its own."""
        program = Path(sys.executable).with_name("datasette")
        path = f"/store.json?_shape=arrays&sql={_DECODED.format('').replace(' ', '+')}"

        done = subprocess.run(
            [program, history_file, "--get", path], capture_output=True, text=True
        )

        assert done.returncode == 0, done.stderr
        assert orjson.loads(done.stdout)["rows"] == [[EACH]]


class TestCells:
    @pytest.mark.parametrize(
        "path",
        [
            "/store/run_documents_2020_01/2020-01-07",
            "/store/run_documents_2020_01?run_id=2020-01-07",
            "/store?sql=select+*+from+run_documents_2020_01+where+run_id='2020-01-07'",
        ],
    )
    def test_a_document_is_json(self, serve: Serve, history_file: Path, path: str) -> None:
        """On the page of its row, in its table, and in a result."""
        answer = Answer(serve(history_file), path)

        shown = [orjson.loads(one) for one in answer.preformatted if '"checkpoint"' in one]
        assert shown == [record_of(history_file, "2020-01-07")]
        assert "<Binary" not in html.unescape(answer.text)

    @pytest.mark.parametrize("table", ["automations", "automation_snapshots"])
    def test_so_is_a_definition(self, serve: Serve, history_file: Path, table: str) -> None:
        """Current ones, and those that runs ran with."""
        definitions = [
            orjson.loads(one) for one in Answer(serve(history_file), f"/store/{table}").preformatted
        ]

        assert len(definitions) >= 6
        assert all("flow" in one for one in definitions)

    def test_a_long_document_is_cut(self, serve: Serve, file: Path) -> None:
        """A page may show a hundred of them; the page of the run shows all of it."""
        with open_store(str(file)) as store, store.begin() as tx:
            tx.runs.add(new_run("long", runtime_context={"routines": [], "text": "x" * 30_000}))
        datasette = serve(file)

        (cut,) = Answer(datasette, "/store/run_documents_2026_05").preformatted
        (complete,) = Answer(datasette, "/store/-/run/long").preformatted

        assert (len(cut), cut[-1]) == (20_001, "…")
        assert orjson.loads(complete) == record_of(file, "long")

    def test_a_damaged_document_is_bytes_as_before(self, serve: Serve, file: Path) -> None:
        """The other rows of the page are shown."""
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(
                "UPDATE run_documents_2020_01 SET document = x'00' WHERE run_id = '2020-01-07'"
            )
            connection.commit()

        answer = Answer(serve(file), "/store/run_documents_2020_01")

        assert len(answer.preformatted) == EACH - 1
        assert answer.text.count("blob-download") == 1

    # Datasette asks Python to report what functions raise.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_a_missing_dictionary_breaks_no_page(
        self, serve: Serve, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What it was needed for is bytes as before."""
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("DELETE FROM dictionaries")
            connection.commit()

        answer = Answer(serve(file), "/store/run_documents_2020_01")

        assert answer.status == 200
        assert answer.text.count("blob-download") == EACH
        assert "does not have it" in caplog.text

    @pytest.mark.parametrize(
        "path",
        [
            "/store/runs/2020-01-07",
            "/store/runs_readable?run_id=2020-01-07",
            "/store/run_documents_2020_01/2020-01-07",
            "/store?sql=select+run_id+from+runs",
        ],
    )
    def test_the_id_of_a_run_leads_to_its_page(
        self, serve: Serve, history_file: Path, path: str
    ) -> None:
        """Wherever it is the id of a run that is stored."""
        answer = Answer(serve(history_file), path)

        assert '<a href="/store/-/run/2020-01-07">2020-01-07</a>' in answer.text

    def test_tables_of_others_are_left_alone(
        self, serve: Serve, tmp_path: Path, history_file: Path
    ) -> None:
        """They may have columns of the same names."""
        path = tmp_path / "others.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE runs (run_id TEXT, document BLOB, encoding TEXT)")
            connection.execute("INSERT INTO runs VALUES ('r', x'7b7d', 'json')")
            connection.commit()
        datasette = serve(path, history_file)

        answer = Answer(datasette, "/others/runs")

        assert "/-/run/" not in answer.text
        assert "blob-download" in answer.text
        assert Answer(datasette, "/others/-/run/r").status == 404


class TestThePageOfARun:
    def test_it_has_its_columns_and_its_record(self, serve: Serve, history_file: Path) -> None:
        """And says where more is to be found."""
        datasette = serve(history_file)

        answer = Answer(datasette, "/store/-/run/2020-01-07")

        assert answer.status == 200
        assert "<dt>created_at</dt><dd>2020-01-05T00:00:00.007Z</dd>" in answer.text
        assert [orjson.loads(one) for one in answer.preformatted] == [
            record_of(history_file, "2020-01-07")
        ]
        links = re.findall(r'<a href="(/store[^"]+)">(The [^<]+)</a>', answer.text)
        followed = {words: Answer(datasette, html.unescape(to)) for to, words in links}
        assert {one.status for one in followed.values()} == {200}
        assert "automation_snapshots" in followed["The definition that it ran with"].text
        assert "tandem_json(document, encoding)" in followed["The query for its record"].text
        assert orjson.loads(followed["The record as JSON"].text) == [
            {"record": record_of(history_file, "2020-01-07")}
        ]

    def test_an_id_may_have_any_character(self, serve: Serve, file: Path) -> None:
        """The link leads to the page, and the page shows the id as it is."""
        with open_store(str(file)) as store, store.begin() as tx:
            tx.runs.add(new_run(_ODD_ID))
        datasette = serve(file)

        row = Answer(datasette, f"/store/runs/{tilde_encode(_ODD_ID)}")
        (link,) = set(re.findall(r'<a href="(/store/-/run/[^"]+)">', row.text))
        page = Answer(datasette, link)

        (heading,) = re.findall(r"<h1>(.*)</h1>", page.text)
        assert html.unescape(heading) == f"Run {_ODD_ID}"
        assert "<b>" not in page.text

    def test_a_record_that_is_damaged(self, serve: Serve, file: Path) -> None:
        """The page says so, and shows the columns."""
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE run_documents_2020_01 SET document = x'00'")
            connection.commit()

        answer = Answer(serve(file), "/store/-/run/2020-01-07")

        assert "Its record cannot be decoded." in answer.text
        assert "<dt>status</dt>" in answer.text

    @pytest.mark.parametrize("path", ["/store/-/run/nobody", "/nowhere/-/run/2020-01-07"])
    def test_what_is_not_there_is_not_found(
        self, serve: Serve, history_file: Path, path: str
    ) -> None:
        """Neither a run nor a store."""
        assert Answer(serve(history_file), path).status == 404

    @pytest.mark.parametrize("table", ["runs_readable", "run_documents_2020_01"])
    def test_who_may_not_see_a_table_does_not_see_it_here(
        self, serve: Serve, history_file: Path, table: str
    ) -> None:
        """The permissions are those of the tables that the page shows."""
        denied = {"databases": {"store": {"tables": {table: {"allow": False}}}}}
        datasette = serve(history_file, metadata=denied)

        answer = Answer(datasette, "/store/-/run/2020-01-07")

        assert answer.status == 403
        assert "2020-01-05" not in answer.text

"""What docs/reading-with-other-tools.md says is done, with the tools themselves."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from tandem_store import Month, detach_month, open_store, register_sql_functions
from tests.docs.pages import DOCS, commands, snippets, words
from tests.support.databases import copied_file
from tests.support.program import command
from tests.support.run_records import new_run

_PAGE: Final = DOCS / "reading-with-other-tools.md"
_QUERIES: Final = re.findall(r"```sql\n(.*?)```", _PAGE.read_text(), re.DOTALL)
_VIEWS: Final = [query for query in _QUERIES if "tandem_json" not in query]


@pytest.fixture
def folder(history_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a store that is called as on the page."""
    url = copied_file(history_file, tmp_path / "runs.db")
    with open_store(url) as store, store.begin() as tx:
        tx.runs.add(new_run("a-run-id"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> str:
    """What a line of the page prints, in a process of its own."""
    program, *arguments = shlex.split(line)
    beside_python = Path(sys.executable).with_name(program)
    found = str(beside_python) if beside_python.exists() else shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("query", _VIEWS, ids=lambda query: query.splitlines()[0])
def test_the_queries_of_views_find_something(store_url: str, query: str) -> None:
    """On either database."""
    with open_store(store_url) as store:
        with store.begin() as tx:
            tx.runs.add(new_run("r", status="failed"))
        with store.read() as tx:
            assert tx.connection.execute(text(query)).all()


@pytest.mark.sqlite
class TestOnSqlite:
    def test_the_other_query_finds_something(self, folder: Path) -> None:
        """With the function."""
        (query,) = set(_QUERIES) - set(_VIEWS)
        with closing(sqlite3.connect("runs.db")) as connection:
            register_sql_functions(connection)
            rows = connection.execute(query).fetchall()

        assert len(rows) == 5
        assert all(attempts.startswith("{") for _, attempts in rows)

    @pytest.mark.parametrize("line", commands(_PAGE, "sqlite3 "))
    def test_the_shell_reads_the_views(self, folder: Path, line: str) -> None:
        """More than the heading."""
        assert len(run(line).splitlines()) > 5

    @pytest.mark.parametrize("line", commands(_PAGE, "sqlite-utils "))
    def test_sqlite_utils_reads_it(self, folder: Path, line: str) -> None:
        """Views, and documents."""
        printed = run(line)

        assert "automation-v2-run-" in printed
        assert ('"checkpoint": {' in printed) == ("tandem_json" in line)

    def test_the_other_commands_run(self, folder: Path) -> None:
        """Datasette answers one request instead of waiting for many."""
        for line in commands(_PAGE):
            done = command(*words(line))
            assert done.exit_code == 0, (line, done.stderr)
        times = {"created_at_ms": 1_709_251_200_000, "updated_at_ms": 1_709_251_200_000}
        with open_store("runs.db") as store, store.begin() as tx:
            tx.runs.add(new_run("an-old-run", **times))
        detach_month("runs.db", Month(2024, 3), "archives")
        for line in (served := commands(_PAGE, "datasette ")):
            database = Path(line.split()[-1]).stem
            run_id = "an-old-run" if database == "2024-03" else "a-run-id"
            assert run_id in run(f"{line} --get /{database}/-/run/{run_id}"), line

        assert len(served) == 3
        assert (folder / "outputs.jsonl").stat().st_size

    def test_its_python_runs(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Block by block."""
        for snippet in snippets(_PAGE):
            exec(compile(snippet, _PAGE.name, "exec"), names := dict[str, Any]())
            assert names

        *failures, nodes = capsys.readouterr().out.splitlines()
        assert nodes == "['draft', 'review']"
        assert len(failures) > 1
        assert all(reason for _, reason in (line.split(" ", 1) for line in failures))

    def test_an_immutable_reader_misses_what_is_in_the_log(self, folder: Path) -> None:
        """Which is why the page warns of it."""
        count = "SELECT count(*) FROM runs"
        with open_store("runs.db") as store:
            with store.read() as tx:
                before = tx.runs.count()
            with store.begin() as tx:
                tx.runs.add(new_run("late"))
            seen = {}
            for how in ("mode=ro", "immutable=1"):
                with closing(sqlite3.connect(f"file:runs.db?{how}", uri=True)) as connection:
                    (seen[how],) = connection.execute(count).fetchone()

        assert seen == {"mode=ro": before + 1, "immutable=1": before}

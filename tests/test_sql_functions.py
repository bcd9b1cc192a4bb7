"""The SQL function for connections that are not ours: what it decodes, and what it does not."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from tandem_store import compact_months, open_store, register_sql_functions
from tandem_store.mapping import compress
from tandem_store.mapping.compression import compress_run
from tests.recompression.months import EACH, FEBRUARY
from tests.support.databases import copied_file

pytestmark = pytest.mark.sqlite

#: The month that is compacted, and the one that is not.
COMPACTED: Final = "run_documents_2020_01"
PLAIN: Final = "run_documents_2020_02"
DECODED: Final = "SELECT count(tandem_json(document, encoding)) FROM "


@pytest.fixture
def file(history_file: Path, tmp_path: Path) -> Path:
    """A store that the test may change."""
    copied_file(history_file, path := tmp_path / "store.db")
    return path


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to the store, with the function."""
    with closing(sqlite3.connect(file)) as opened:
        register_sql_functions(opened)
        yield opened


def decoded(connection: sqlite3.Connection, document: object, encoding: object) -> Any:
    """What the function returns for a document and its encoding."""
    query = "SELECT tandem_json(?, ?)"
    ((text,),) = connection.execute(query, (document, encoding)).fetchall()
    return text


class TestWhatItDecodes:
    @pytest.mark.parametrize("table", [COMPACTED, PLAIN, "run_documents_2026_10"])
    def test_of_a_run_it_returns_the_record(
        self, connection: sqlite3.Connection, file: Path, table: str
    ) -> None:
        """As the store has it, without what lies beside it in the document."""
        rows = connection.execute(f"SELECT run_id, tandem_json(document, encoding) FROM {table}")
        records = {run_id: orjson.loads(text) for run_id, text in rows}

        assert len(records) >= 24
        with open_store(str(file)) as store, store.read() as tx:
            stored = {one.run_id: one.raw()["record"] for one in tx.runs.documents(list(records))}
        assert records == stored

    def test_the_months_are_stored_in_two_ways(self, connection: sqlite3.Connection) -> None:
        """Otherwise the test above would show little."""
        ways = [
            connection.execute(f"SELECT DISTINCT encoding FROM {table}").fetchall()
            for table in (COMPACTED, PLAIN)
        ]

        assert ways == [[("zstd-dict",)], [("zstd-1",)]]

    def test_the_json_functions_of_sqlite_read_it(self, connection: sqlite3.Connection) -> None:
        """By a path to the output of a node."""
        query = (
            "SELECT json_extract(tandem_json(document, encoding),"
            f" '$.checkpoint.node_outputs.draft.text') FROM {COMPACTED} ORDER BY run_id"
        )

        assert connection.execute(query).fetchone() == ("draft of 2020-01-00",)

    @pytest.mark.parametrize("table", ["automations", "automation_snapshots"])
    def test_of_a_definition_it_returns_all(
        self, connection: sqlite3.Connection, table: str
    ) -> None:
        """Current ones, and those that runs ran with."""
        rows = connection.execute(f"SELECT tandem_json(document, encoding) FROM {table}")
        definitions = [orjson.loads(text) for (text,) in rows]

        assert len(definitions) >= 6
        assert all("flow" in one for one in definitions)

    @pytest.mark.parametrize(
        ("document", "encoding", "text"),
        [
            (b'{"record": {"a": 1e1}, "columns_digest": "0"}', "json", '{"a":10.0}'),
            (compress(b'{"record": {}, "snapshot_overlay": {}}'), "zstd", "{}"),
            (compress_run(b'{"record": {"b": "\xc3\xa9"}}'), "zstd-1", '{"b":"é"}'),
            (b'{"record": {}, "name": "n"}', "json", '{"record": {}, "name": "n"}'),
            (b'{"record": 1}', "json", '{"record": 1}'),
            (b"[1.50]", "json", "[1.50]"),
        ],
    )
    def test_every_encoding_and_every_kind(
        self, connection: sqlite3.Connection, document: bytes, encoding: str, text: str
    ) -> None:
        """What is not the document of a run is returned as it is written."""
        assert decoded(connection, document, encoding) == text


class TestNull:
    @pytest.mark.parametrize(
        ("document", "encoding"),
        [
            (None, "zstd"),
            (None, None),
            (b"", "forgotten"),
            (b"", "zstd"),
            (b"", "zstd-dict"),
            (b"no frame", "zstd-dict"),
            (compress(b'{"a": 1}')[:-1], "zstd"),
            (compress(b'{"a": 1}') + b"more", "zstd"),
            (compress(b'{"a": 1}'), "zstd-9"),
            (compress(b'{"a": 1}'), b"zstd"),
            (compress(b'{"a": 1}'), 1),
            (compress(b"no JSON"), "zstd"),
            (b'"\xff"', "json"),
            (b"[" * 5_000 + b"]" * 5_000, "json"),
            ('{"a": 1}', "json"),
            (1.5, "json"),
        ],
    )
    def test_what_cannot_be_decoded_is_null(
        self, connection: sqlite3.Connection, document: object, encoding: object
    ) -> None:
        """So that one damaged document does not hide the others."""
        assert decoded(connection, document, encoding) is None

    def test_a_flipped_bit_is_noticed(self, connection: sqlite3.Connection) -> None:
        """By the checksum, in a compacted month, too; the other runs can still be read."""
        (blob,) = connection.execute(f"SELECT document FROM {COMPACTED}").fetchone()
        damaged = blob[:-6] + bytes([blob[-6] ^ 1]) + blob[-5:]
        connection.execute(
            f"UPDATE {COMPACTED} SET document = ? WHERE document = ?", (damaged, blob)
        )

        assert connection.execute(DECODED + COMPACTED).fetchone() == (EACH - 1,)

    def test_a_damaged_dictionary_is_like_damaged_documents(
        self, connection: sqlite3.Connection
    ) -> None:
        """It is checked before it is used."""
        connection.execute("UPDATE dictionaries SET content = zeroblob(100)")
        connection.commit()

        assert connection.execute(DECODED + COMPACTED).fetchone() == (0,)
        assert connection.execute(DECODED + PLAIN).fetchone() == (EACH,)


# Other programs in this process may have asked Python to report what functions raise.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestDictionaries:
    def test_one_that_is_made_later_is_found(
        self, connection: sqlite3.Connection, file: Path
    ) -> None:
        """A connection may live longer than a month."""
        assert connection.execute(DECODED + PLAIN).fetchone() == (EACH,)

        compact_months(str(file), [FEBRUARY])

        assert connection.execute(DECODED + PLAIN).fetchone() == (EACH,)
        assert connection.execute(f"SELECT DISTINCT encoding FROM {PLAIN}").fetchall() == [
            ("zstd-dict",)
        ]

    def test_without_it_the_statement_fails_and_the_log_says_why(
        self, connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        """NULL would look like damage of every document of the month."""
        connection.execute("DELETE FROM month_dictionaries")
        connection.execute("DELETE FROM dictionaries")
        connection.commit()

        with pytest.raises(sqlite3.OperationalError):
            connection.execute(DECODED + COMPACTED).fetchone()
        assert "store.db does not have it. Register the function after ATTACH" in caplog.text

    def test_files_that_were_attached_before_have_theirs(
        self, file: Path, sqlite_template: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Those that are attached later do not, until the function is registered again."""
        with closing(sqlite3.connect(sqlite_template)) as connection:
            register_sql_functions(connection)
            connection.execute("ATTACH ? AS history", (str(file),))
            with pytest.raises(sqlite3.OperationalError):
                connection.execute(f"{DECODED} history.{COMPACTED}").fetchone()

            register_sql_functions(connection)

            assert connection.execute(f"{DECODED} history.{COMPACTED}").fetchone() == (EACH,)

    def test_a_database_in_memory_has_no_file_to_read_them_from(
        self, history_file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What needs none of them is decoded all the same."""
        with (
            closing(sqlite3.connect(history_file)) as source,
            closing(sqlite3.connect(":memory:")) as connection,
        ):
            source.backup(connection)
            register_sql_functions(connection)

            assert connection.execute(DECODED + PLAIN).fetchone() == (EACH,)
            with pytest.raises(sqlite3.OperationalError):
                connection.execute(DECODED + COMPACTED).fetchone()
        assert "The connection has no file" in caplog.text

    def test_they_are_read_where_sqlite_cannot_make_its_files(self, file: Path) -> None:
        """As on a read-only medium, where only ``immutable`` opens the database."""
        Path(f"{file}-shm").mkdir()
        address = f"{file.as_uri()}?immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            register_sql_functions(connection)

            assert connection.execute(DECODED + COMPACTED).fetchone() == (EACH,)

    def test_a_path_may_have_any_character(self, history_file: Path, tmp_path: Path) -> None:
        """Those that mean something in a URI, and bytes that are not UTF-8."""
        path = Path(f"{tmp_path}/100% ?#ä\udcff.db")
        copied_file(history_file, path)
        with closing(sqlite3.connect(path)) as connection:
            register_sql_functions(connection)

            assert connection.execute(DECODED + COMPACTED).fetchone() == (EACH,)


class TestTheConnection:
    def test_it_is_left_as_it_was(self, history_file: Path) -> None:
        """Its factories are its owner's, and so is the decision when it is released."""
        with closing(sqlite3.connect(history_file)) as connection:
            connection.row_factory = lambda cursor, row: {"row": row}
            connection.text_factory = bytes
            references = sys.getrefcount(connection)

            register_sql_functions(connection)

            assert sys.getrefcount(connection) == references
            assert connection.text_factory is bytes
            assert not connection.in_transaction
            assert connection.execute(DECODED + COMPACTED).fetchone() == {"row": (EACH,)}

    def test_it_may_be_of_a_class_of_its_own(self, history_file: Path) -> None:
        """The second connection is of the class that the driver has, which can be made by a URI."""

        class Named:
            name = ""

        class NamedConnection(sqlite3.Connection, Named):
            def __init__(self, path: Path) -> None:
                super().__init__(path)
                self.name = path.name

        with closing(NamedConnection(history_file)) as connection:
            register_sql_functions(connection)

            assert connection.execute(DECODED + COMPACTED).fetchone() == (EACH,)

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE INDEX i ON automations (tandem_json(document, encoding))",
            "ALTER TABLE automations ADD j AS (tandem_json(document, encoding))",
        ],
    )
    def test_no_index_and_no_column_can_use_it(
        self, connection: sqlite3.Connection, statement: str
    ) -> None:
        """The store does not have the function, and could not write to such a table any more."""
        with pytest.raises(sqlite3.OperationalError, match="non-deterministic"):
            connection.execute(statement)

    def test_nothing_large_is_imported_for_it(self) -> None:
        """The programs that load it as a plugin start as fast as without it."""
        code = (
            "import sqlite3, sys\n"
            "from tandem_store import register_sql_functions\n"
            "connection = sqlite3.connect(':memory:')\n"
            "register_sql_functions(connection)\n"
            "connection.execute('SELECT tandem_json(?, ?)', (b'{}', 'json')).fetchone()\n"
            "connection.close()\n"
            "late = ['sqlalchemy', 'pydantic', 'alembic', 'tandem_store.store']\n"
            "print([name for name in late if name in sys.modules])\n"
        )

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

        assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_service_may_write_meanwhile(connection: sqlite3.Connection, file: Path) -> None:
    """The function reads with a connection of its own, which takes no lock that writers need."""
    rows = connection.execute(f"SELECT tandem_json(document, encoding) FROM {COMPACTED}")
    assert rows.fetchone()

    with open_store(str(file)) as store, store.begin() as tx:
        tx.runs.delete("2020-02-00")

    assert len(rows.fetchall()) == EACH - 1

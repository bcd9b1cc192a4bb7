"""What databases refuse or cannot do is a ``StoreError``, in words that help."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    literal,
    make_url,
    select,
    text,
)

from tandem_store import NotAStoreError, NotFoundError, Store, StoreError, open_store, tables
from tandem_store.cli.program import program
from tandem_store.database import revisions
from tandem_store.database.error_translation import in_words, translate
from tests.support.run_records import new_run


def administer(server: URL, *statements: str) -> None:
    """Execute statements outside of a transaction."""
    database = create_engine(server, isolation_level="AUTOCOMMIT")
    with database.connect() as connection:
        for one in statements:
            connection.execute(text(one))
    database.dispose()


@pytest.mark.postgresql
class TestTimeouts:
    """Whoever runs the server limits what may take how long."""

    @pytest.mark.parametrize("way", ["begin", "read"])
    def test_a_statement_that_takes_too_long_is_told(self, store_url: str, way: str) -> None:
        """And which setting says so."""
        with open_store(store_url) as store:
            with pytest.raises(StoreError, match="statement_timeout"):
                with getattr(store, way)() as tx:
                    tx.connection.execute(text("SET LOCAL statement_timeout = 50"))
                    tx.connection.execute(text("SELECT pg_sleep(5)"))

            with store.begin() as tx:
                tx.runs.add(new_run("r"))

    def test_a_transaction_that_waits_too_long_is_told(self, store_url: str) -> None:
        """The server ends the session; the next transaction has another one."""
        with open_store(store_url) as store:
            with pytest.raises(StoreError, match="idle_in_transaction_session_timeout"):
                with store.begin() as tx:
                    setting = "SET LOCAL idle_in_transaction_session_timeout = 50"
                    tx.connection.execute(text(setting))
                    time.sleep(0.5)
                    tx.runs.exists("r")

            with store.begin() as tx:
                tx.runs.add(new_run("r"))


class TestDatabases:
    @pytest.fixture(params=["SQL_ASCII", "LATIN1"])
    def not_utf8(self, postgresql_server: URL, request: pytest.FixtureRequest) -> Iterator[URL]:
        """A database with another encoding."""
        name = f"test_{uuid.uuid4().hex}"
        administer(
            postgresql_server,
            f"CREATE DATABASE {name} ENCODING '{request.param}' TEMPLATE template0 "
            "LC_COLLATE 'C' LC_CTYPE 'C'",
        )
        yield postgresql_server.set(database=name)
        administer(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")

    def test_one_that_is_not_utf8_is_refused(self, not_utf8: URL) -> None:
        """It could not hold every run; nothing is made in it."""
        for refused in (revisions.upgrade, open_store):
            with pytest.raises(NotAStoreError, match=r"needs UTF8.*createdb --encoding"):
                refused(not_utf8)

    @pytest.mark.postgresql
    @pytest.mark.parametrize("name", ["%", "50%s", 'say "x"', "a,b", "Ünïcode"])
    def test_any_other_name_of_a_schema_works(self, empty_url: str, name: str) -> None:
        """Whatever must be quoted."""
        url = make_url(empty_url).update_query_dict({"schema": name})

        revisions.upgrade(url)
        revisions.check(url)

        with open_store(url) as store:
            with store.begin() as tx:
                tx.runs.add(new_run("r"))
                assert "runs" in inspect(tx.connection).get_table_names(schema=name)
            with store.read() as tx:
                assert tx.runs.get("r") == new_run("r")


class TestDamage:
    @pytest.mark.parametrize(
        "what", ["DROP TABLE quarantine", "ALTER TABLE runs DROP COLUMN total_tokens"]
    )
    def test_a_missing_table_or_column_is_damage(
        self, store: Store, store_url: str, what: str
    ) -> None:
        """Not a defect of the program, and no SQL is shown."""
        with store.begin() as tx:
            if tx.connection.dialect.name == "sqlite":
                # It drops no column that an index needs.
                for index in inspect(tx.connection).get_indexes("runs"):
                    tx.connection.execute(text(f"DROP INDEX {index['name']}"))
            for view in ("totals_by_day", "runs_readable"):  # nor PostgreSQL one that a view has
                tx.connection.execute(text(f"DROP VIEW {view}"))
            tx.connection.execute(text(what))

        with pytest.raises(NotAStoreError, match="tandem-store doctor") as caught:
            with store.read() as tx:
                if "quarantine" in what:
                    tx.quarantine.get(1)
                else:
                    tx.runs.list()

        assert "SELECT" not in str(caught.value)
        told = CliRunner().invoke(program, ["--db", store_url, "runs", "list", "--json"])
        told_too = CliRunner().invoke(program, ["--db", store_url, "quarantine", "list"])
        assert {told.exit_code, told_too.exit_code} == {0, 1}
        assert "SELECT" not in told.stderr + told_too.stderr
        assert "defect" not in told.stderr + told_too.stderr


class TestLimits:
    def test_a_number_that_no_column_takes_is_nobodys(self, store: Store) -> None:
        """Neither SQLite nor PostgreSQL can be asked for it."""
        with store.read() as tx:
            for number in (10**20, 2**63, -1):
                assert tx.quarantine.get(number) is None
                with pytest.raises(NotFoundError):
                    tx.quarantine.require(number)

    def test_a_number_that_is_too_large_is_told(self, store: Store) -> None:
        """The driver finds it, or the server."""
        with pytest.raises(StoreError, match="takes at most 9,223,372,036,854,775,807"):
            with store.read() as tx:
                tx.connection.execute(select(tables.runs).where(tables.runs.c.revision == 10**20))

    def test_too_many_values_are_told(self, store: Store) -> None:
        """Not as a connection that was lost."""
        with pytest.raises(StoreError, match="Ask for fewer at once"):
            with store.read() as tx:
                limit = 65_535  # of PostgreSQL
                if tx.connection.dialect.name == "sqlite":
                    limit = 100
                    _limit(tx.connection, sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit)
                many = [literal(1).label(f"c{number}") for number in range(limit + 1)]
                tx.connection.execute(select(literal(1)).where(literal(1).in_(many)))

    @pytest.mark.sqlite
    def test_a_value_that_is_too_large_is_told(self, store: Store) -> None:
        """SQLite takes a billion bytes, and this connection fewer."""
        with pytest.raises(StoreError, match="larger than the database takes"):
            with store.begin() as tx:
                _limit(tx.connection, sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
                tx.connection.execute(text("SELECT zeroblob(20000)"))

    @pytest.mark.sqlite
    def test_missing_memory_is_told(self, store: Store) -> None:
        """Python has an error of its own for it."""
        with store.read() as tx, failing(tx.connection.engine, MemoryError):
            with pytest.raises(StoreError, match="not enough memory"):
                tx.runs.exists("r")

    @pytest.mark.sqlite
    def test_a_value_of_another_type_is_told(self, store: Store) -> None:
        """Where SQLite minds at all, which is in a key that is a number."""
        with pytest.raises(StoreError, match="not of the type"):
            with store.begin() as tx:
                tx.connection.execute(text("INSERT INTO imports (id) VALUES ('x')"))


def _limit(connection: Connection, category: int, value: int) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.setlimit(category, value)


@contextmanager
def failing(engine: Engine, error: type[Exception]) -> Iterator[None]:
    """Let the driver fail at every statement."""

    def fail(*_: object) -> None:
        raise error

    event.listen(engine, "do_execute", fail)
    yield
    event.remove(engine, "do_execute", fail)


@pytest.mark.sqlite
def test_an_unknown_failure_shows_no_sql(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a command; it says what the database said, and where to look."""

    def fail(_: object) -> None:
        with open_store(store_url) as store, store.read() as tx:
            tx.connection.execute(text("SELECT secret FRUM nowhere"))

    monkeypatch.setattr(revisions, "current", fail)
    told = CliRunner().invoke(program, ["--db", store_url, "db", "current"])

    assert told.exit_code == 1
    assert "syntax error" in told.stderr
    assert "tandem-store doctor" in told.stderr
    assert "secret" not in told.stderr
    assert "defect" not in told.stderr
    assert in_words(ValueError("no")) is None


def test_a_command_at_the_end_stays_there() -> None:
    """What the database said would be copied with it."""
    missing = translate(sqlite3.OperationalError("no such table: runs"))

    assert str(missing).endswith("See what is wrong with: tandem-store doctor")
    assert "[no such table: runs]" in str(missing)

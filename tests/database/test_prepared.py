"""Prepared statements: the same rows, failures and rules as by SQLAlchemy's own way."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from sqlite3 import ProgrammingError
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    Integer,
    Numeric,
    Select,
    bindparam,
    cast,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from tandem_store import Claim, NotAStoreError, RunRecord, Store, StoreError, tables
from tandem_store.database.bulk import insert_rows
from tandem_store.database.prepared import Prepared, is_observed
from tandem_store.month import Month
from tandem_store.runs import Runs
from tests.database.test_bulk import rows
from tests.support.legacy_runs import MONTH_MS
from tests.support.run_records import new_run

RUNS = tables.runs.c

QUESTIONS: dict[str, tuple[Select[Any], dict[str, Any]]] = {
    "every column": (select(tables.runs).order_by(RUNS.run_id), {}),
    "a text with an escape": (
        select(RUNS.run_id, RUNS.detail).where(RUNS.detail == bindparam("detail")),
        {"detail": "\x01\x7f"},
    ),
    "a month": (
        select(RUNS.month).where(RUNS.month == bindparam("month")),
        {"month": Month(2026, 8)},
    ),
    "several values": (
        select(RUNS.run_id).where(RUNS.run_id.in_(bindparam("ids", expanding=True))),
        {"ids": ["r0001", "r0003", "nobody"]},
    ),
    "no values": (
        select(RUNS.run_id).where(RUNS.run_id.in_(bindparam("ids", expanding=True))),
        {"ids": []},
    ),
    "a list that is always the same": (
        select(RUNS.run_id).where(RUNS.run_id.in_(["r0002", "r0004"])).order_by(RUNS.run_id),
        {},
    ),
    "a limit": (
        select(RUNS.run_id).order_by(RUNS.run_id).limit(bindparam("limit", type_=Integer())),
        {"limit": 3},
    ),
    "a literal in the text": (
        select(RUNS.status).where(RUNS.status == literal("completed", literal_execute=True)),
        {},
    ),
    "a sum": (select(func.sum(cast(RUNS.revision, Numeric(asdecimal=False)))), {}),
    "nothing found": (select(RUNS.run_id).where(RUNS.run_id == "nobody"), {}),
}


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with rows that have every kind of value."""
    with store.begin() as tx:
        insert_rows(tx.connection, tables.runs, rows(40))
    return store


@contextmanager
def observed(connection: Connection) -> Iterator[list[str]]:
    """Listens to the connection's statements."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(connection, "after_cursor_execute", note)
    yield seen
    event.remove(connection, "after_cursor_execute", note)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_the_rows_are_those_that_sqlalchemy_returns(filled: Store, name: str) -> None:
    """With the same Python types, at the first run of the statement and later."""
    query, values = QUESTIONS[name]
    prepared = Prepared(query)
    with filled.read() as tx:
        expected = [tuple(row) for row in tx.connection.execute(query, values)]

        for _ in range(2):
            found = prepared.all(tx.connection, values)
            first = prepared.first(tx.connection, values)

            assert found == expected
            assert [[*map(type, row)] for row in found] == [[*map(type, row)] for row in expected]
            assert first == (expected[0] if expected else None)


def test_a_write_says_how_many_rows_it_wrote(filled: Store) -> None:
    """As a compare-and-swap needs to know."""
    renaming = Prepared(
        update(tables.runs)
        .where(RUNS.run_id == bindparam("of_run"))
        .values(detail=bindparam("new_detail"))
    )
    with filled.begin() as tx:
        assert renaming.write(tx.connection, {"of_run": "r0001", "new_detail": "a\0b"}) == 1
        assert renaming.write(tx.connection, {"of_run": "nobody", "new_detail": "x"}) == 0

    with filled.read() as tx:
        found = tx.connection.execute(select(RUNS.detail).where(RUNS.run_id == "r0001"))
        assert found.scalar_one() == "a\0b"


def test_whoever_listens_sees_the_statement(filled: Store) -> None:
    """A tracer must not miss the statements that matter most."""
    query, values = QUESTIONS["a month"]
    prepared = Prepared(query)
    with filled.read() as tx:
        unseen = prepared.all(tx.connection, values)
        with observed(tx.connection) as seen:
            assert is_observed(tx.connection)
            found = prepared.all(tx.connection, values), prepared.first(tx.connection, values)

        assert not is_observed(tx.connection)
    assert found == (unseen, unseen[0])
    assert len(seen) == 2


def test_sqlalchemy_logs_the_statement(filled: Store, caplog: pytest.LogCaptureFixture) -> None:
    """At INFO, as it does for any other."""
    prepared = Prepared(select(RUNS.run_id).where(RUNS.run_id == bindparam("of_run")))
    with caplog.at_level(logging.INFO, "sqlalchemy.engine"), filled.read() as tx:
        prepared.first(tx.connection, {"of_run": "r0001"})

    assert "SELECT runs.run_id" in caplog.text


def test_a_broken_constraint_is_sqlalchemys_error(filled: Store) -> None:
    """Only the caller knows what it means. The values are not listed in the message."""
    adding = Prepared(
        insert(tables.deleted_runs).values(run_id=bindparam("run_id"), revision=1, deleted_at_ms=0)
    )
    with filled.begin() as tx:
        with pytest.raises(IntegrityError) as told, tx.connection.begin_nested():
            for _ in range(2):
                adding.write(tx.connection, {"run_id": "one"})

        assert "[parameters" not in str(told.value)
        assert adding.write(tx.connection, {"run_id": "another"}) == 1


def test_a_missing_table_is_our_error(filled: Store) -> None:
    """In words that say what to do, as everywhere."""
    with filled.begin() as tx:
        tx.connection.exec_driver_sql("DROP TABLE backups")
        with pytest.raises(NotAStoreError, match="doctor"):
            Prepared(select(tables.backups)).all(tx.connection, {})
        tx.connection.rollback()


@pytest.mark.postgresql
def test_after_a_failure_the_transaction_is_undone(filled: Store) -> None:
    """On PostgreSQL, and the error says why."""
    with pytest.raises(StoreError, match="The failure was"), filled.begin() as tx:
        with suppress(SQLAlchemyError):
            Prepared(select(func.nonsense())).all(tx.connection, {})
        Prepared(select(RUNS.run_id)).all(tx.connection, {})


@pytest.mark.sqlite
def test_nothing_is_written_after_sqlite_has_rolled_back(filled: Store) -> None:
    """It would be stored at once, statement by statement."""
    removing = Prepared(delete(tables.runs))
    with pytest.raises(StoreError, match="undid this transaction"), filled.begin() as tx:
        driver = tx.connection.connection.dbapi_connection
        assert driver is not None
        driver.rollback()
        removing.write(tx.connection, {})

    with filled.read() as tx:
        assert Prepared(select(func.count()).select_from(tables.runs)).first(tx.connection, {}) == (
            40,
        )


def test_a_transaction_that_has_ended_is_refused(filled: Store) -> None:
    """Whatever was kept of it."""
    with filled.read() as tx:
        pass

    with pytest.raises(StoreError, match="has ended"):
        Prepared(select(RUNS.run_id)).first(tx.connection, {})


def test_an_interrupted_statement_leaves_nothing_locked(filled: Store, database: str) -> None:
    """Ctrl-C in the middle of it: the next writer begins at once."""
    count = select(literal(1).label("x")).cte(recursive=True)
    count = count.union_all(select(count.c.x + 1).where(count.c.x < 10_000_000))
    slow = Prepared(select(func.count()).select_from(count))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), filled.begin() as tx:
            Prepared(delete(tables.runs)).write(tx.connection, {})
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            slow.first(tx.connection, {})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    with filled.begin() as tx:
        assert tx.runs.count() == 40


BEFORE = new_run("r", status="queued", detail="before")
AFTER = new_run("r", detail="another", updated_at_ms=BEFORE.updated_at_ms + 5 * MONTH_MS)


def to_after(_run: RunRecord) -> RunRecord:
    """The other run, which is in another month."""
    return AFTER


WRITES: dict[str, Callable[[Runs, Claim], Any]] = {
    "add": lambda runs, _: runs.add(new_run("s")),
    "update": lambda runs, _: runs.update("r", lambda run: run.changed(detail="another")),
    "move": lambda runs, _: runs.update("r", to_after),
    "finish": lambda runs, claim: runs.finish(claim, to_after),
    "delete": lambda runs, _: runs.delete("r"),
}


@pytest.mark.sqlite
@pytest.mark.parametrize("write", sorted(WRITES))
def test_a_write_that_the_database_breaks_off_is_whole_or_not_at_all(
    store: Store, write: str
) -> None:
    """Wherever SQLite is in it, and also if the caller swallows the failure and commits."""
    untouched, done = None, None
    for step in range(2_000):
        claim = _start_anew(store)
        untouched = _state_of(store)
        broken_off = False
        with suppress(StoreError), store.begin() as tx:
            with _broken_off_at(tx.connection, step):
                try:
                    WRITES[write](tx.runs, claim)
                except (SQLAlchemyError, StoreError):
                    broken_off = True
        found = _state_of(store)
        if not broken_off:
            done = found
            break
        assert found == untouched
    assert done not in (None, untouched)
    assert step > 3


@contextmanager
def _broken_off_at(connection: Connection, step: int) -> Iterator[None]:
    """Let SQLite break off what it is doing at the given step; one is 20 instructions."""
    driver: Any = connection.connection.dbapi_connection
    steps = iter(range(step))
    driver.set_progress_handler(lambda: next(steps, None) is None, 20)
    try:
        yield
    finally:
        with suppress(ProgrammingError):  # closed, because half of a write was done
            driver.set_progress_handler(None, 0)


def _start_anew(store: Store) -> Claim:
    with store.begin() as tx:
        for run_id in ("r", "s"):
            if tx.runs.exists(run_id):
                tx.runs.delete(run_id)
        tx.runs.add(BEFORE)
        claim = tx.runs.claim_next("w", timedelta(minutes=5))
    assert claim is not None
    return claim


def _state_of(store: Store) -> tuple[Any, ...]:
    with store.read() as tx:
        runs = [tx.runs.get(run_id) for run_id in ("r", "s")]
        claimed = [claim.worker for claim in tx.runs.claims()]
    return (*(run and (run.detail, run.status) for run in runs), claimed)

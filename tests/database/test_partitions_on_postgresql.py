"""Months as native partitions: their shape, and making them while others work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from sqlalchemy import URL, func, inspect, select, text

from tandem_store import open_store, tables
from tandem_store.database import partitions
from tandem_store.database.engines import Engines
from tandem_store.database.urls import DEFAULT_SCHEMA
from tandem_store.errors import StoreError, StoreLockedError
from tandem_store.month import Month
from tests.support.rows import add_document, add_run
from tests.support.run_records import new_run

pytestmark = pytest.mark.postgresql

JULY, AUGUST, SEPTEMBER = Month(2026, 7), Month(2026, 8), Month(2026, 9)
WRITERS, MONTHS = 8, 120


def test_documents_are_stored_without_compressing_them_again(engines: Engines) -> None:
    """A month is like its parent down to how the server stores the column."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])

        storage = connection.execute(
            text("SELECT attstorage FROM pg_attribute WHERE attrelid = 'run_documents_2026_08'"
                 "::regclass AND attname = 'document'")
        ).scalar_one()  # fmt: skip

    assert storage == "e"


def test_a_month_has_the_key_and_the_reference_of_its_parent(engines: Engines) -> None:
    """The key's name tells the month; the reference is the parent's own."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])

    with engines.read.connect() as connection:
        found = inspect(connection)
        key = found.get_pk_constraint("run_documents_2026_08")
        (reference,) = found.get_foreign_keys("run_documents_2026_08")
    assert (key["name"], key["constrained_columns"]) == (
        "run_documents_2026_08_pkey",
        ["month", "run_id"],
    )
    assert reference["name"] == "fk_run_documents_run_id_month_runs"
    assert reference["options"] == {"initially": "DEFERRED", "deferrable": True}


def test_eight_writers_make_ten_years_of_months_while_somebody_reads(store_url: str) -> None:
    """Each run in a transaction of its own: none fails, and a reader that stays open is no harm."""
    done = Event()

    def write(writer: int) -> None:
        order = list(range(MONTHS))
        random.Random(writer).shuffle(order)
        with open_store(store_url) as store:
            for number in order:
                run = new_run(f"{writer}-{number}", hours=number * 730)
                with store.begin() as tx:
                    tx.runs.add(run)

    def read() -> int:
        seen = 0
        with open_store(store_url) as store:
            while not done.is_set():
                with store.read() as tx:
                    query = select(func.count()).select_from(tables.run_documents)
                    seen = tx.connection.execute(query).scalar_one()
                    time.sleep(1.5)
        return seen

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(read)
        try:
            list(pool.map(write, range(WRITERS)))
        finally:
            done.set()

    assert reader.result() <= WRITERS * MONTHS
    with open_store(store_url) as store, store.read() as tx:
        months = tx.months.list()
        assert len(months) == MONTHS
        assert sum(month.runs for month in months) == tx.runs.count() == WRITERS * MONTHS


def test_who_has_written_nothing_gives_way_to_who_has(engines: Engines) -> None:
    """One waits for the runs, the other for the making of months: nobody is told to try again."""
    written, waiting = Event(), Event()

    def with_a_run_written() -> None:
        with engines.write.begin() as connection:
            add_run(connection, "r1", AUGUST)
            written.set()
            waiting.wait(10)
            time.sleep(0.1)
            partitions.ensure(connection, [AUGUST])
            add_document(connection, "r1", AUGUST)

    def with_nothing_written() -> None:
        written.wait(10)
        waiting.set()
        with engines.write.begin() as connection:
            partitions.ensure(connection, [SEPTEMBER])

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(with_a_run_written), pool.submit(with_nothing_written)]
        for result in results:
            result.result(timeout=20)

    with engines.read.connect() as connection:
        assert partitions.existing(connection) == [AUGUST, SEPTEMBER]


def test_of_two_that_wait_for_each_other_one_is_told(engines: Engines) -> None:
    """Both have written runs and need a month: the server ends one, the other has its month."""
    both = Barrier(2, timeout=10)

    def write(run_id: str) -> bool:
        try:
            with engines.write.begin() as connection:
                add_run(connection, run_id, AUGUST)
                both.wait()
                partitions.ensure(connection, [AUGUST])
                add_document(connection, run_id, AUGUST)
        except StoreLockedError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, ["r1", "r2"])) == [False, True]

    with engines.read.connect() as connection:
        assert len(connection.execute(select(tables.runs.c.run_id)).all()) == 1


def test_a_user_that_owns_no_table_uses_the_months_that_are_there(
    engines: Engines, postgresql_user_url: URL
) -> None:
    """The deploy makes tables, the service only fills them."""
    run = new_run("r1")
    with engines.write.begin() as connection:
        partitions.ensure(connection, [Month.of_ms(run.updated_at_ms)])

    with open_store(postgresql_user_url) as store:
        with store.begin() as tx:
            tx.runs.add(run)
        with store.begin() as tx:
            tx.runs.delete("r1")
        with store.begin() as tx:
            tx.runs.add(run)

        with store.read() as tx:
            assert tx.runs.get("r1") == run


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("may_create", [False, True])
def test_a_user_that_may_not_make_a_month_is_told_who_may(
    engines: Engines,
    postgresql_user_url: URL,
    open_engines: Callable[..., Engines],
    written: bool,
    may_create: bool,
) -> None:
    """The command is in the message, whatever exactly the user lacks."""
    if may_create:
        with engines.write.begin() as connection:
            grant = f"GRANT CREATE ON SCHEMA {DEFAULT_SCHEMA} TO {postgresql_user_url.username}"
            connection.execute(text(grant))

    with pytest.raises(StoreError, match="tandem-store months ensure 2026-07 2026-08"):
        with open_engines(postgresql_user_url).write.begin() as connection:
            if written:
                add_run(connection, "r1", AUGUST)
            partitions.ensure(connection, [AUGUST, JULY])

    with engines.read.connect() as connection:
        assert partitions.existing(connection) == []

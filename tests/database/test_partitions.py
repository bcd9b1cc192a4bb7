"""Months: made when needed, once, with the parent's shape, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from tandem_store import tables
from tandem_store.database import partitions
from tandem_store.database.engines import Engines
from tandem_store.errors import MonthDetachedError
from tandem_store.month import Month
from tests.support.rows import add_document, add_run

JULY, AUGUST = Month(2026, 7), Month(2026, 8)


def test_a_month_is_made_when_it_is_needed(engines: Engines) -> None:
    """Nobody has to make months beforehand."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST, JULY, AUGUST])

    with engines.read.connect() as connection:
        assert partitions.existing(connection) == [JULY, AUGUST]
        rows = connection.execute(select(tables.months).order_by("month")).all()
    assert [(row.month, row.state) for row in rows] == [
        (Month(2026, 7), "attached"),
        (Month(2026, 8), "attached"),
    ]


def test_a_month_that_is_there_stays_as_it_is(engines: Engines) -> None:
    """Asking again is free and changes nothing."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])
        add_run(connection, "r1", AUGUST)
        add_document(connection, "r1", AUGUST)

    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])

        table = partitions.document_table(connection, AUGUST)
        assert connection.execute(select(table.c.run_id)).scalars().all() == ["r1"]


def test_a_document_goes_to_the_table_of_its_month(engines: Engines) -> None:
    """Dropping a month is dropping a table, on either database."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [JULY, AUGUST])
        add_run(connection, "r1", AUGUST)
        add_document(connection, "r1", AUGUST)

    with engines.read.connect() as connection:
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {partitions.table_name(month)}"))
            for month in (JULY, AUGUST)
        ]
    assert counts == [0, 1]


def test_a_document_cannot_be_in_another_month_than_its_run(engines: Engines) -> None:
    """A copy left behind in the old month, as the old files had it, is impossible."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [JULY, AUGUST])

    with pytest.raises(IntegrityError), engines.write.begin() as connection:
        add_run(connection, "r1", AUGUST)
        add_document(connection, "r1", JULY)


def test_a_run_may_change_its_month_together_with_its_document(engines: Engines) -> None:
    """The reference is checked at the commit, so the order of the two does not matter."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [JULY, AUGUST])
        add_run(connection, "r1", JULY)
        add_document(connection, "r1", JULY)

    with engines.write.begin() as connection:
        connection.execute(update(tables.runs).values(month=AUGUST))
        connection.execute(partitions.document_table(connection, JULY).delete())
        add_document(connection, "r1", AUGUST)

    with engines.read.connect() as connection:
        found = connection.scalar(select(partitions.document_table(connection, AUGUST).c.month))
    assert found == AUGUST


def test_one_run_has_one_document(engines: Engines) -> None:
    """The key of a month is the run."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])
        add_run(connection, "r1", AUGUST)
        add_document(connection, "r1", AUGUST)

    with pytest.raises(IntegrityError), engines.write.begin() as connection:
        add_document(connection, "r1", AUGUST)


def test_a_detached_month_is_refused(engines: Engines) -> None:
    """It was put aside on purpose; the message says which month it is."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])
        connection.execute(update(tables.months).values(state="detached"))

    with pytest.raises(MonthDetachedError, match="2026-08 was detached"):
        with engines.write.begin() as connection:
            partitions.ensure(connection, [JULY, AUGUST])


def test_writers_that_need_the_same_new_month_at_once_all_get_it(engines: Engines) -> None:
    """At midnight of the first, more workers need the new month than a pool holds."""

    def write(number: int) -> None:
        with engines.write.begin() as connection:
            partitions.ensure(connection, [AUGUST])
            add_run(connection, f"r{number}", AUGUST)
            add_document(connection, f"r{number}", AUGUST)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(40)))

    with engines.read.connect() as connection:
        table = partitions.document_table(connection, AUGUST)
        assert len(connection.execute(select(table.c.run_id)).all()) == 40


def test_ids_sort_by_code_point(engines: Engines) -> None:
    """Cursors compare ids in Python and in SQL, so both must agree whatever the locale."""
    ids = ["a", "B", "ä", "Z", "_", "a-1", "a1"]
    with engines.write.begin() as connection:
        for run_id in ids:
            add_run(connection, run_id, AUGUST)

        found = connection.scalars(select(tables.runs.c.run_id).order_by("run_id")).all()

    assert found == sorted(ids)


def test_the_first_and_the_last_month_have_tables(engines: Engines) -> None:
    """The range of a month is the range of its table."""
    ends = [Month(1, 1), Month(9999, 12)]

    with engines.write.begin() as connection:
        partitions.ensure(connection, ends)
        for number, month in enumerate(ends):
            add_run(connection, f"r{number}", month)
            add_document(connection, f"r{number}", month)

    with engines.read.connect() as connection:
        assert partitions.existing(connection) == ends


def test_a_month_may_be_made_in_the_middle_of_a_transaction(engines: Engines) -> None:
    """Who has written a run already and then needs a month gets it, on either database."""
    with engines.write.begin() as connection:
        add_run(connection, "r1", AUGUST)

        made = partitions.ensure(connection, [AUGUST])

        add_document(connection, "r1", AUGUST)
    assert made == (AUGUST,)
    with engines.read.connect() as connection:
        assert partitions.existing(connection) == [AUGUST]


def test_a_month_made_in_the_middle_of_a_transaction_is_undone_with_it(engines: Engines) -> None:
    """It belongs to the caller, who can make it again."""
    with pytest.raises(ZeroDivisionError), engines.write.begin() as connection:
        add_run(connection, "r1", AUGUST)
        partitions.ensure(connection, [AUGUST])
        raise ZeroDivisionError

    with engines.write.begin() as connection:
        assert partitions.existing(connection) == []
        assert partitions.ensure(connection, [AUGUST]) == (AUGUST,)


def test_only_months_that_were_missing_are_told(engines: Engines) -> None:
    """So that a command can say what it did."""
    with engines.write.begin() as connection:
        first = partitions.ensure(connection, [AUGUST])
        second = partitions.ensure(connection, [AUGUST, JULY])

    assert (first, second) == ((AUGUST,), (JULY,))


@pytest.mark.sqlite
def test_constraints_of_two_months_have_two_names(
    store_url: str, open_engines: Callable[..., Engines]
) -> None:
    """An error that names a constraint thereby names the month."""
    engines = open_engines(store_url)
    with engines.write.begin() as connection:
        partitions.ensure(connection, [JULY, AUGUST])

    with engines.read.connect() as connection:
        names = [
            inspect(connection).get_pk_constraint(partitions.table_name(month))["name"]
            for month in (JULY, AUGUST)
        ]
    assert names == ["pk_run_documents_2026_07", "pk_run_documents_2026_08"]


@pytest.mark.sqlite
def test_a_month_undone_on_sqlite_was_never_made(
    store_url: str, open_engines: Callable[..., Engines]
) -> None:
    """There the table belongs to the caller's transaction."""
    engines = open_engines(store_url)

    with pytest.raises(ZeroDivisionError), engines.write.begin() as connection:
        partitions.ensure(connection, [AUGUST])
        raise ZeroDivisionError

    with engines.read.connect() as connection:
        assert partitions.existing(connection) == []

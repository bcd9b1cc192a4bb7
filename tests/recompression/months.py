"""Months that are over, and what is stored of them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from sqlalchemy import Table, select

from tandem_store import RunRecord, Store, tables
from tandem_store.database.partitions import document_table
from tandem_store.month import Month
from tests.support.legacy_runs import MONTH_MS, definition
from tests.support.run_records import new_run
from tests.support.tampering import tampering

#: 2020-01-05T00:00:00Z.
JANUARY_MS: Final = 1_578_182_400_000
JANUARY, FEBRUARY = Month(2020, 1), Month(2020, 2)
#: How many runs lie in each of the two months.
EACH: Final = 24
_SENTENCE: Final = "what agents write has much in common with what they wrote about number "


def run_of(month: Month, number: int, **fields: Any) -> RunRecord:
    """A run whose document is like the others, and not quite."""
    at = JANUARY_MS + MONTH_MS * (month == FEBRUARY) + number
    text = " ".join(f"{_SENTENCE}{number * step % 97}." for step in range(2, 22))
    return new_run(
        f"{month}-{number:02}",
        **{
            "created_at_ms": at,
            "updated_at_ms": at,
            "nodes": ["draft", "review", "send"][: 1 + number % 3],
            "runtime_context": {"routines": [], "text": text},
            "automation_snapshot": definition("auto-1"),
            **fields,
        },
    )


def fill(store: Store) -> None:
    """Add 24 runs to each of the two months."""
    for month in (JANUARY, FEBRUARY):
        with store.begin() as tx:
            tx.runs.add_many([run_of(month, number) for number in range(EACH)])


def encodings(url: str, month: Month = JANUARY) -> dict[str, int]:
    """How many documents of a month have each encoding."""
    with tampering(url) as connection:
        table = document_table(connection, month)
        found = connection.execute(select(table.c.encoding).where(table.c.month == month))
        return dict(Counter(found.scalars()))


def rows_of(url: str, table: Table) -> list[tuple[Any, ...]]:
    """All rows of a table, in the order of its key."""
    with tampering(url) as connection:
        query = select(table).order_by(*table.primary_key)
        return [tuple(row) for row in connection.execute(query)]


def dictionaries_of(url: str) -> tuple[set[int], set[tuple[Month, int]]]:
    """The numbers of the dictionaries, and the months that each is listed for."""
    listed = rows_of(url, tables.month_dictionaries)
    return {row[0] for row in rows_of(url, tables.dictionaries)}, {(one, n) for one, n in listed}

"""Every table is in some part, parts go in an order that inserts, batches are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import Connection

from tandem_store import open_store, tables
from tandem_store.copying import parts
from tandem_store.copying.parts import Batch, StorePart
from tandem_store.month import Month

#: Every run of the hard cases that is not of the sample is here, the great one too.
MONTH = Month(2026, 5)


@pytest.fixture
def connection(full_url: str) -> Iterator[Connection]:
    """A reading connection to the hard cases."""
    with open_store(full_url) as store, store.read() as tx:
        yield tx.connection


def test_every_table_is_copied() -> None:
    """Also those that a later revision adds, without a word here."""
    known = [*parts.before_runs(), *parts.after_runs(), tables.runs, tables.run_documents]

    assert set(known) == set(tables.metadata.tables.values())
    assert len(known) == len(tables.metadata.tables)


def test_what_is_referred_to_comes_first() -> None:
    """So that no insert waits for another."""
    order = [*parts.before_runs(), tables.runs, *parts.after_runs()]

    for place, table in enumerate(order):
        assert {key.column.table for key in table.foreign_keys} <= set(order[:place])


@pytest.mark.parametrize("limit", [Batch(), Batch(rows=3), Batch(size=4_000), Batch(1, 1)])
def test_a_batch_is_bounded(connection: Connection, limit: Batch) -> None:
    """In rows and in bytes; only a row that is greater alone has a batch of its own."""
    part = parts.of_month(connection, MONTH)

    found = list(parts.batches(connection, part, None, limit))

    for rows in found:
        assert 0 < len(rows) <= limit.rows
        assert len(rows) == 1 or sum(map(_bytes, rows)) <= limit.size
    ids = [row.run_id for rows in found for row in rows]
    assert ids == sorted(ids), "not in the order of code points"
    assert len(ids) == _count(connection, part) == len(set(ids))


def test_goes_on_behind_a_key(connection: Connection) -> None:
    """Behind any key come exactly the rows that are behind it."""
    part = parts.of_month(connection, MONTH)
    (rows,) = parts.batches(connection, part, None, Batch())

    for before, after in pairwise(rows):
        ((first, *_), *_) = parts.batches(connection, part, (before.run_id,), Batch(rows=2))
        assert first == after
    assert part.last_key(connection) == (rows[-1].run_id,)
    assert list(parts.batches(connection, part, (rows[-1].run_id,), Batch())) == []


def test_a_key_may_have_several_columns(connection: Connection) -> None:
    """The tables of today have one each; the next need not."""
    entries = tables.import_entries
    part = parts.of_table(entries)
    wide = StorePart("wide", part.tables, (entries.c.file_id, entries.c.id), part.rows)

    found = [
        row.id for rows in parts.batches(connection, wide, None, Batch(rows=2)) for row in rows
    ]

    assert sorted(found) == [
        row.id for rows in parts.batches(connection, part, None, Batch()) for row in rows
    ]


def _bytes(row: tuple[object, ...]) -> int:
    return sum(len(value) for value in row if isinstance(value, (str, bytes)))


def _count(connection: Connection, part: StorePart) -> int:
    return len(connection.execute(part.rows).all())

"""All runs one after the other, in bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, Row, select

from tandem_store.month import Month
from tandem_store.records import TenantScope
from tandem_store.runs.cursor import Position
from tandem_store.runs.listing import ordered
from tandem_store.runs.selection import Selection, within
from tandem_store.runs.whole import StoredRun, read_many, read_one
from tandem_store.schema import runs

#: How many whole runs are in memory at a time; one has been seen to weigh some megabytes.
BATCH: Final = 50

_KEY: Final = (runs.c.run_id, runs.c.month, runs.c.created_at_ms)


def in_order(
    connection: Connection, selection: Selection, *, newest_first: bool
) -> Iterator[StoredRun]:
    """The selected runs, in the order of listings."""
    start: Position | None = None
    while True:
        query = ordered(select(*_KEY), selection, start=start, newest_first=newest_first)
        rows = connection.execute(query.limit(BATCH)).all()
        if not rows:
            return
        yield from _whole(connection, rows, selection.scope)
        start = Position(rows[-1].created_at_ms, rows[-1].run_id)


def by_id(connection: Connection, scope: TenantScope | None) -> Iterator[StoredRun]:
    """All runs of the tenant, by the code points of their ids."""
    query = select(*_KEY).where(*within(scope)).order_by(runs.c.run_id).limit(BATCH)
    rows = connection.execute(query).all()
    while rows:
        yield from _whole(connection, rows, scope)
        rows = connection.execute(query.where(runs.c.run_id > rows[-1].run_id)).all()


def _whole(
    connection: Connection, rows: Sequence[Row[str, int, int]], scope: TenantScope | None
) -> Iterator[StoredRun]:
    by_month: dict[Month, list[str]] = defaultdict(list)
    for row in rows:
        by_month[Month.of_key(row.month)].append(row.run_id)
    found = {
        stored.columns["run_id"]: stored
        for month, run_ids in by_month.items()
        for stored in read_many(connection, month, run_ids, scope)
    }
    for row in rows:
        # One that is missing was moved or deleted meanwhile, or has lost its document: this tells.
        stored = found.get(row.run_id) or read_one(connection, row.run_id, scope)
        if stored is not None:
            yield stored

"""All runs one after the other, in bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, select

from tandem_store.database.damaged_rows import stored_month
from tandem_store.errors import StoreError
from tandem_store.models import runs
from tandem_store.month import Month
from tandem_store.records import TenantScope
from tandem_store.runs.documents import StoredRun, read_many, read_one
from tandem_store.runs.listing import ordered
from tandem_store.runs.pagination import Position
from tandem_store.runs.selection import Selection, within

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRun:
    """A run that cannot be read back whole, and why; ids and months as far as they can be read."""

    run_id: str
    #: ``YYYY-MM``, or whatever the column holds.
    month: str
    #: A sentence that names both.
    what: str


def damaged(connection: Connection, scope: TenantScope | None) -> Iterator[DamagedRun]:
    """The runs of the tenant that cannot be read back whole, by the code points of their ids."""
    query = select(*_KEY).where(*within(scope)).order_by(runs.c.run_id).limit(BATCH)
    rows = connection.execute(query).all()
    while rows:
        try:
            # A savepoint, because after an error PostgreSQL would read nothing more.
            with connection.begin_nested():
                sound = {run.columns["run_id"]: run for run in _found(connection, rows, scope)}
        except StoreError:
            sound = {}  # one of them is damaged; each is looked at alone
        for row in rows:
            what = _damage_of(connection, row, sound.get(row.run_id), scope)
            if what is not None:
                yield DamagedRun(run_id=str(row.run_id), month=_label(row.month), what=what)
        rows = connection.execute(query.where(runs.c.run_id > rows[-1].run_id)).all()


def _damage_of(
    connection: Connection,
    row: Row[str, Month, int],
    stored: StoredRun | None,
    scope: TenantScope | None,
) -> str | None:
    if stored is None:
        try:
            with connection.begin_nested():
                stored = read_one(connection, row.run_id, scope)
        except StoreError as error:
            return str(error)
    return None if stored is None else stored.check()


def _label(month: object) -> str:
    try:
        return str(stored_month(month, "The run"))
    except StoreError:
        return str(month)


def _found(
    connection: Connection, rows: Sequence[Row[str, Month, int]], scope: TenantScope | None
) -> Iterator[StoredRun]:
    by_month: dict[Month, list[str]] = defaultdict(list)
    for row in rows:
        month = stored_month(row.month, f"The run {row.run_id!r}")
        by_month[month].append(row.run_id)
    for month, run_ids in by_month.items():
        yield from read_many(connection, month, run_ids, scope)


def _whole(
    connection: Connection, rows: Sequence[Row[str, Month, int]], scope: TenantScope | None
) -> Iterator[StoredRun]:
    found = {stored.columns["run_id"]: stored for stored in _found(connection, rows, scope)}
    for row in rows:
        # One that is missing was moved or deleted meanwhile, or has lost its document: this tells.
        stored = found.get(row.run_id) or read_one(connection, row.run_id, scope)
        if stored is not None:
            yield stored

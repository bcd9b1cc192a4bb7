"""All runs one after the other, in bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Row, bindparam, select

from tandem_store.database import partitions
from tandem_store.database.damaged_rows import stored_month
from tandem_store.errors import StoreError
from tandem_store.month import Month
from tandem_store.runs.context import RunsContext
from tandem_store.runs.documents import StoredRun, document, documents_of_month
from tandem_store.runs.orders import Ordering, Position
from tandem_store.tables import runs

if TYPE_CHECKING:
    from tandem_store.records import RunFilter, RunRecord

#: How many complete runs are in memory at a time; one may take some megabytes.
BATCH: Final = 50

_KEY: Final = (runs.c.run_id, runs.c.month, runs.c.created_at_ms)
_Key = Row[str, Month, int]


def iterate(
    context: RunsContext,
    run_filter: RunFilter | None,
    *,
    newest_first: bool,
    skip_forgotten: bool,
) -> Iterator[RunRecord]:
    """Yield the runs that pass the filter, in the order of listings."""
    found = iterate_documents(context, run_filter, newest_first=newest_first)
    return (one.record() for one in found if not (skip_forgotten and one.is_forgotten))


def iterate_documents(
    context: RunsContext, run_filter: RunFilter | None, *, newest_first: bool
) -> Iterator[StoredRun]:
    """Yield the runs that pass the filter as stored, in the order of listings."""
    selection = context.selection(run_filter)  # refuses a wrong filter now, not when it is used
    ordering = Ordering(newest_first=newest_first)

    def documents() -> Iterator[StoredRun]:
        start: Position | None = None
        while True:
            # Every run was created at some time, so there is one stretch.
            (stretch,) = ordering.stretches(start)
            query = stretch.of(select(*_KEY), selection.shape())
            values = {**selection.values(), **stretch.values_of(start)}
            rows = context.connection.execute(query.limit(BATCH), values).all()
            if not rows:
                return
            yield from _complete(context, rows)
            start = Position(rows[-1].created_at_ms, rows[-1].run_id)

    return documents()


def month_documents(
    context: RunsContext, run_filter: RunFilter | None, month: Month
) -> Iterator[StoredRun]:
    """Yield the runs of one month that pass the filter as stored, by the code points of ids."""
    selection = context.selection(run_filter)
    partitions.refuse_unless_attached(context.connection, month)
    table = partitions.document_table(context.connection, month)
    # The ids come from the documents, in the order of their key. The runs have no index with both
    # the month and the id, and would be sorted again for every batch.
    query = (
        select(*_KEY)
        .join_from(table, runs, table.c.run_id == runs.c.run_id)
        .where(table.c.month == bindparam("month"), *selection.shape().conditions())
        .order_by(table.c.run_id)
        .limit(BATCH)
    )

    def documents() -> Iterator[StoredRun]:
        values = {**selection.values(), "month": month}
        rows = context.connection.execute(query, values).all()
        while rows:
            yield from _complete(context, rows)
            following = query.where(table.c.run_id > rows[-1].run_id)
            rows = context.connection.execute(following, values).all()

    return documents()


def documents(context: RunsContext, run_ids: Sequence[str]) -> Iterator[StoredRun]:
    """Yield those of the runs that there are, as stored, some at a time by their ids."""
    own = context.tenancy.conditions()
    query = select(*_KEY).where(runs.c.run_id.in_(bindparam("run_ids", expanding=True)), *own)
    query = query.order_by(runs.c.run_id)
    for first in range(0, len(run_ids), BATCH):
        values = context.values(run_ids=run_ids[first : first + BATCH])
        yield from _complete(context, context.connection.execute(query, values).all())


def documents_by_id(context: RunsContext) -> Iterator[StoredRun]:
    """Yield all runs as stored, by the code points of their ids."""
    for rows in _batches_by_id(context):
        yield from _complete(context, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRun:
    """A run that cannot be read completely, and why; id and month as far as they can be read."""

    run_id: str
    #: ``YYYY-MM``, or whatever the column holds.
    month: str
    #: A sentence that names both.
    what: str


def damaged(context: RunsContext) -> Iterator[DamagedRun]:
    """Yield the runs that cannot be read completely, by the code points of their ids."""
    for rows in _batches_by_id(context):
        try:
            # A savepoint, because after an error PostgreSQL would read nothing more.
            with context.connection.begin_nested():
                readable = {run.columns["run_id"]: run for run in _found(context, rows)}
        except StoreError:
            readable = {}  # one of them is damaged, so each is read by itself
        for row in rows:
            what = _damage_of(context, row, readable.get(row.run_id))
            if what is not None:
                yield DamagedRun(run_id=str(row.run_id), month=_label(row.month), what=what)


def _damage_of(context: RunsContext, row: _Key, stored: StoredRun | None) -> str | None:
    if stored is None:
        try:
            with context.connection.begin_nested():
                stored = document(context, row.run_id)
        except StoreError as error:
            return str(error)
    return None if stored is None else stored.check()


def _label(month: object) -> str:
    try:
        return str(stored_month(month, "The run"))
    except StoreError:
        return str(month)


def _batches_by_id(context: RunsContext) -> Iterator[Sequence[_Key]]:
    own = context.tenancy.conditions()
    query = select(*_KEY).where(*own).order_by(runs.c.run_id).limit(BATCH)
    rows = context.connection.execute(query, context.values()).all()
    while rows:
        yield rows
        following = query.where(runs.c.run_id > rows[-1].run_id)
        rows = context.connection.execute(following, context.values()).all()


def _complete(context: RunsContext, rows: Sequence[_Key]) -> Iterator[StoredRun]:
    found = {stored.columns["run_id"]: stored for stored in _found(context, rows)}
    for row in rows:
        # Was a missing one moved or deleted meanwhile, or has it lost its document?
        stored = found.get(row.run_id) or document(context, row.run_id)
        if stored is not None:
            yield stored


def _found(context: RunsContext, rows: Sequence[_Key]) -> Iterator[StoredRun]:
    by_month: dict[Month, list[str]] = defaultdict(list)
    for row in rows:
        month = stored_month(row.month, f"The run {row.run_id!r}")
        by_month[month].append(row.run_id)
    for month, run_ids in by_month.items():
        yield from documents_of_month(context, month, run_ids)

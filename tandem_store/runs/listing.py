"""Pages of runs in an order, and their number: from the slim table alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from sqlalchemy import Integer, bindparam, func, select

from tandem_store.column_types import as_stored
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged_run
from tandem_store.database.prepared import Prepared, Values
from tandem_store.errors import InvalidFilterError, RecordTooNewError
from tandem_store.mapping import STORED_VERSION
from tandem_store.records import (
    ExecutionProfile,
    RunFilter,
    RunOrder,
    RunStatus,
    RunSummary,
    StopKind,
    WaitsFor,
)
from tandem_store.runs import detached_runs
from tandem_store.runs.context import RunsContext
from tandem_store.runs.cursors import RunCursors
from tandem_store.runs.orders import Ordering, Position, Side, Stretch
from tandem_store.runs.selection import Shape, Tenancy
from tandem_store.stored_text import AsStored
from tandem_store.tables import runs

#: The most runs that one page may have.
LARGEST_PAGE: Final = 1_000

#: A row has the fields of a summary, in their order, then what else is read of a run.
_FIELDS: Final = tuple(field.name for field in fields(RunSummary))
_COLUMNS: Final = (*(runs.c[name] for name in _FIELDS), runs.c.schema_version)
_TYPES: Final = RowTypes(_COLUMNS)
#: Cursors carry the id as it is stored, because runs are ordered by it.
_STORED_ID: Final = as_stored(runs.c.run_id).label("stored_id")
#: How many statements are kept ready: one for each kind of filter and order.
_STATEMENTS: Final = 256
#: The members of closed lists by their names; to look one up takes a tenth of calling the class.
_MEMBERS: Final[dict[str, tuple[type[StrEnum], dict[str, StrEnum]]]] = {
    column: (kind, {member.value: member for member in kind})
    for column, kind in {
        "status": RunStatus,
        "stop_kind": StopKind,
        "execution_profile": ExecutionProfile,
        "waits_for": WaitsFor,
    }.items()
}
#: Where a row has what is no field.
_VERSION: Final = len(_FIELDS)
_ID: Final = len(_COLUMNS)


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs in order, and the cursors of the pages beside it.

    ``next_cursor`` asks for the runs that follow, ``previous_cursor`` for those before; either is
    None if there are no such runs.
    """

    items: tuple[RunSummary, ...]
    next_cursor: str | None
    previous_cursor: str | None


def list(  # noqa: A001 - the name of the method
    context: RunsContext,
    run_filter: RunFilter | None,
    *,
    limit: int,
    cursor: str | None,
    order_by: RunOrder | str,
    newest_first: bool,
) -> Page:
    """Return one page of the runs that pass the filter."""
    refuse_wrong_limit(limit)
    ordering = Ordering(_order(order_by), newest_first)
    cursors = RunCursors.of(context.selection(run_filter), ordering)
    start = None if cursor is None else cursors.decode(cursor)
    # One more than asked for shows whether there is another page.
    rows = _read(context, cursors, start, limit + 1)
    shown = rows[:limit]
    if start is not None and not start.side.is_forwards:
        shown = shown[::-1]
    before, after = _neighbours(shown, start, ordering, more=len(rows) > limit)
    return Page(
        tuple(map(_summary, shown)),
        next_cursor=None if after is None else cursors.encode(after),
        previous_cursor=None if before is None else cursors.encode(before),
    )


def refuse_wrong_limit(limit: int) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless a page may have so many items."""
    if type(limit) is not int:
        raise TypeError(f"limit is a whole number, not {limit!r}")
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit is {limit}; a page holds 1 to {LARGEST_PAGE:,} items")


def _order(order_by: RunOrder | str) -> RunOrder:
    try:
        return RunOrder(order_by)
    except ValueError as error:
        raise InvalidFilterError(
            f"Runs cannot be sorted by {order_by!r}, but by {', '.join(RunOrder)}."
        ) from error


def _read(
    context: RunsContext, cursors: RunCursors, start: Position | None, wanted: int
) -> Sequence[Values]:
    """Return at most so many rows from a position on, the nearest first."""
    selection = cursors.selection
    rows: Sequence[Values] = ()
    shape, values = selection.shape(), selection.values()
    for stretch in cursors.ordering.stretches(start):
        place = stretch.values_of(start)
        left = {"limit": wanted - len(rows)}
        found = _page(shape, stretch).all(context.connection, {**values, **place, **left})
        rows = [*rows, *found]
        if len(rows) == wanted:
            break
    return rows


@lru_cache(_STATEMENTS)
def _page(shape: Shape, stretch: Stretch) -> Prepared:
    query = stretch.of(select(*_COLUMNS, _STORED_ID), shape)
    return Prepared(query.limit(bindparam("limit", type_=Integer())))


def _neighbours(
    shown: Sequence[Values], start: Position | None, ordering: Ordering, *, more: bool
) -> tuple[Position | None, Position | None]:
    """Return where the pages before and after begin; ``more``: runs follow in reading direction.

    There was a run on the side that the cursor came from, so there is a page, even if it is empty
    by now.
    """
    if start is None:
        return None, _beside(shown[-1], Side.AFTER, ordering) if more else None
    forwards = start.side.is_forwards
    if not shown:
        back = replace(start, side=start.side.other)
        return (back, None) if forwards else (None, back)
    first = _beside(shown[0], Side.BEFORE, ordering)
    last = _beside(shown[-1], Side.AFTER, ordering)
    return (first if forwards or more else None), (last if more or not forwards else None)


def _beside(row: Values, side: Side, ordering: Ordering) -> Position:
    return Position(row[_FIELDS.index(ordering.column.name)], AsStored(row[_ID]), side)


def summary(context: RunsContext, run_id: str) -> RunSummary | None:
    """Return one run as lists show it, or None if there is no run with this id."""
    found = _one(context.tenancy).first(context.connection, context.values(run_id=run_id))
    if found is None:
        detached_runs.refuse_if_detached(context, run_id)
        return None
    return _summary(found)


@lru_cache(_STATEMENTS)
def _one(tenancy: Tenancy) -> Prepared:
    itself = runs.c.run_id == bindparam("run_id")
    return Prepared(select(*_COLUMNS).where(itself, *tenancy.conditions()))


def count(context: RunsContext, run_filter: RunFilter | None) -> int:
    """Return how many runs pass the filter."""
    selection = context.selection(run_filter)
    found = _count(selection.shape()).first(context.connection, selection.values())
    return int(found[0]) if found else 0


@lru_cache(_STATEMENTS)
def _count(shape: Shape) -> Prepared:
    return Prepared(select(func.count()).select_from(runs).where(*shape.conditions()))


def _summary(row: Values) -> RunSummary:
    values = dict(zip(_FIELDS, row, strict=False))
    try:
        _TYPES.refuse_others(row)
        for column, (kind, members) in _MEMBERS.items():
            if (name := values[column]) is not None:
                values[column] = members.get(name) or kind(name)
    except DAMAGE as error:
        version, run_id, month = row[_VERSION], values["run_id"], values["month"]
        if type(version) is int and version > STORED_VERSION:
            raise RecordTooNewError(
                f"The run {run_id!r} was written in version {version} and holds {error}. Upgrade "
                "the package tandem-store."
            ) from error
        raise damaged_run(run_id, month, f"holds {error}") from error
    # All fields at once: to call the class takes six times as long, which was a third of a page.
    summary = RunSummary.__new__(RunSummary)
    object.__setattr__(summary, "__dict__", values)
    return summary

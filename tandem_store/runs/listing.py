"""Pages of runs, newest or oldest created first, and their number: from the slim table alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Final

from sqlalchemy import Integer, bindparam, func, select

from tandem_store.column_types import as_stored
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged_run
from tandem_store.database.prepared import Prepared, Values
from tandem_store.errors import RecordTooNewError
from tandem_store.mapping import STORED_VERSION
from tandem_store.records import RunFilter, RunStatus, RunSummary, StopKind
from tandem_store.runs import detached_runs
from tandem_store.runs.context import RunsContext
from tandem_store.runs.pagination import Cursors, Position, Side, ordered, values_of
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
#: Where a row has what a cursor needs.
_CREATED: Final = _FIELDS.index("created_at_ms")
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
    newest_first: bool,
) -> Page:
    """Return one page of the runs that pass the filter."""
    if type(limit) is not int:
        raise TypeError(f"limit is a whole number, not {limit!r}")
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit is {limit}; a page holds 1 to {LARGEST_PAGE:,} runs")
    selection = context.selection(run_filter)
    cursors = Cursors(selection, newest_first)
    start = None if cursor is None else cursors.decode(cursor)
    side = None if start is None else start.side
    query = _page(selection.shape(), side, newest_first=newest_first)
    # One more than asked for shows whether there is another page.
    values = {**selection.values(), **values_of(start), "limit": limit + 1}
    rows = query.all(context.connection, values)
    shown = rows[:limit]
    if start is not None and not start.side.is_forwards:
        shown = shown[::-1]
    before, after = _neighbours(shown, start, more=len(rows) > limit)
    return Page(
        tuple(map(_summary, shown)),
        next_cursor=None if after is None else cursors.encode(after),
        previous_cursor=None if before is None else cursors.encode(before),
    )


@lru_cache(_STATEMENTS)
def _page(shape: Shape, side: Side | None, *, newest_first: bool) -> Prepared:
    query = ordered(select(*_COLUMNS, _STORED_ID), shape, side, newest_first=newest_first)
    return Prepared(query.limit(bindparam("limit", type_=Integer())))


def _neighbours(
    shown: Sequence[Values], start: Position | None, *, more: bool
) -> tuple[Position | None, Position | None]:
    """Return where the pages before and after begin; ``more``: runs follow in reading direction.

    There was a run on the side that the cursor came from, so there is a page, even if it is empty
    by now.
    """
    if start is None:
        return None, _beside(shown[-1], Side.AFTER) if more else None
    forwards = start.side.is_forwards
    if not shown:
        back = replace(start, side=start.side.other)
        return (back, None) if forwards else (None, back)
    first, last = _beside(shown[0], Side.BEFORE), _beside(shown[-1], Side.AFTER)
    return (first if forwards or more else None), (last if more or not forwards else None)


def _beside(row: Values, side: Side) -> Position:
    return Position(row[_CREATED], AsStored(row[_ID]), side)


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
        values["status"] = RunStatus(values["status"])
        values["stop_kind"] = values["stop_kind"] and StopKind(values["stop_kind"])
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

"""Pages of runs, newest or oldest created first, from the slim table alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select, tuple_

from tandem_store.column_types import AsStored, as_stored
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged_run, stored_month
from tandem_store.errors import RecordTooNewError
from tandem_store.mapping import STORED_VERSION
from tandem_store.models import runs
from tandem_store.month import Month
from tandem_store.records import RunStatus, RunSummary, StopKind, TenantScope
from tandem_store.runs import pagination as cursors
from tandem_store.runs.pagination import Position, Side
from tandem_store.runs.selection import Selection, within

#: The most that one page may hold.
LARGEST_PAGE: Final = 1_000

_TEXTS: Final = (
    "run_id",
    "automation_id",
    "org_id",
    "workspace_id",
    "deployment_id",
    "trigger_type",
    "status",
    "stop_kind",
    "failed_node",
    "failure_reason",
    "detail",
)
_NUMBERS: Final = (
    "created_at_ms",
    "updated_at_ms",
    "started_at_ms",
    "finished_at_ms",
    "completed_nodes",
    "pending_nodes",
    "blocked_nodes",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "estimated_cost_usd",
    "revision",
)
_NAMES: Final = (*_TEXTS, *_NUMBERS, "month", "schema_version")
_COLUMNS: Final = tuple(runs.c[name] for name in _NAMES)
_TYPES: Final = RowTypes(_COLUMNS)
#: Cursors carry it, because runs are ordered by it.
_STORED_ID: Final = as_stored(runs.c.run_id).label("stored_id")


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs in order, and the cursors of the pages beside it.

    ``next_cursor`` asks for the runs that follow, ``previous_cursor`` for those that come before;
    None: there are none.
    """

    items: tuple[RunSummary, ...]
    next_cursor: str | None
    previous_cursor: str | None


def page(
    connection: Connection,
    selection: Selection,
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool,
) -> Page:
    """One page, by key and not by offset: what is added or deleted between pages moves nothing."""
    if type(limit) is not int:
        raise TypeError(f"limit is a whole number, not {limit!r}")
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit is {limit}; a page holds 1 to {LARGEST_PAGE:,} runs")
    start = None if cursor is None else cursors.decode(cursor, selection, newest_first=newest_first)
    backwards = start is not None and not start.side.is_forwards
    query = ordered(
        select(*_COLUMNS, _STORED_ID), selection, start=start, newest_first=newest_first
    )
    # One more than asked for tells whether there is another page.
    rows = connection.execute(query.limit(limit + 1)).all()
    more = len(rows) > limit
    shown = rows[:limit][::-1] if backwards else rows[:limit]
    before, after = _neighbours(shown, start, more=more)

    def encoded(position: Position | None) -> str | None:
        if position is None:
            return None
        return cursors.encode(position, selection, newest_first=newest_first)

    return Page(tuple(map(_summary, shown)), encoded(after), encoded(before))


def _neighbours(
    shown: Sequence[Row[Any]], start: Position | None, *, more: bool
) -> tuple[Position | None, Position | None]:
    """Where the page before and the page after begin; ``more``: runs follow in reading direction.

    On the side that a cursor came from there was a run, so there is a page, if perhaps an empty
    one by now.
    """
    if start is None:
        return None, _beside(shown[-1], Side.AFTER) if more else None
    forwards = start.side.is_forwards
    if not shown:
        back = replace(start, side=start.side.other)
        return (back, None) if forwards else (None, back)
    first, last = _beside(shown[0], Side.BEFORE), _beside(shown[-1], Side.AFTER)
    return (first if forwards or more else None), (last if more or not forwards else None)


def _beside(row: Row[Any], side: Side) -> Position:
    return Position(row.created_at_ms, AsStored(row.stored_id), side)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run lies, how often it was written, and the status it is in."""

    month: Month
    revision: int
    status: str


def locate(
    connection: Connection, run_id: str, scope: TenantScope | None = None, *, lock: bool = False
) -> Place | None:
    """Where a run of the tenant lies.

    ``lock`` keeps other writers off the row until the transaction ends; on SQLite a writing
    transaction keeps them off anyway.
    """
    columns = (runs.c.month, runs.c.revision, runs.c.status)
    query = select(*columns).where(runs.c.run_id == run_id, *within(scope))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return Place(stored_month(row.month, f"The run {run_id!r}"), row.revision, row.status)


def count(connection: Connection, selection: Selection) -> int:
    """How many runs are selected."""
    query = select(func.count()).select_from(runs).where(*selection.conditions())
    return connection.execute(query).scalar_one()


def ordered(
    query: Select[Any], selection: Selection, *, start: Position | None, newest_first: bool
) -> Select[Any]:
    """The query filtered, from a position on, nearest to it first.

    That is the order of the listing, and its reverse for a position whose page lies before it.
    """
    key = (runs.c.created_at_ms, runs.c.run_id)
    query = query.where(*selection.conditions())
    descending = newest_first
    if start is not None:
        descending = newest_first is start.side.is_forwards
        query = query.where(_beyond(start, key, descending=descending))
    return query.order_by(*(column.desc() if descending else column.asc() for column in key))


def _beyond(
    start: Position, key: tuple[ColumnElement[Any], ...], *, descending: bool
) -> ColumnElement[bool]:
    run_id = literal(start.run_id, runs.c.run_id.type)
    here, place = tuple_(*key), tuple_(start.created_at_ms, run_id)
    if start.side.is_inclusive:
        return here <= place if descending else here >= place
    return here < place if descending else here > place


def _summary(row: Row[Any]) -> RunSummary:
    # Half of what a page costs is made here; a row's own mapping takes 2.5 times as long as zip.
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=False))
    version, run_id, month = values.pop("schema_version"), values["run_id"], values["month"]
    try:
        _TYPES.refuse_others(row)
        values["status"] = RunStatus(values["status"])
        values["stop_kind"] = values["stop_kind"] and StopKind(values["stop_kind"])
    except DAMAGE as error:
        if type(version) is int and version > STORED_VERSION:
            raise RecordTooNewError(
                f"The run {run_id!r} was written in version {version} and holds {error}. Upgrade "
                "the package tandem-store."
            ) from error
        raise damaged_run(run_id, month, f"holds {error}") from error
    return RunSummary(**values)

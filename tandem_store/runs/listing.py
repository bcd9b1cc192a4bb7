"""Pages of runs, newest or oldest created first, from the slim table alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, func, select, tuple_

from tandem_store.errors import RecordTooNewError
from tandem_store.mapping import from_column
from tandem_store.month import Month
from tandem_store.records import RunFilter, RunStatus, RunSummary, StopKind
from tandem_store.runs import cursor as cursors
from tandem_store.runs.cursor import Position
from tandem_store.runs.filters import conditions
from tandem_store.schema import runs

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
_COLUMNS: Final = tuple(runs.c[name] for name in (*_TEXTS, *_NUMBERS, "month"))


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs in order; ``next_cursor`` asks for those that follow, None: there are none."""

    items: tuple[RunSummary, ...]
    next_cursor: str | None


def page(
    connection: Connection,
    run_filter: RunFilter,
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool,
) -> Page:
    """One page, by key and not by offset: what is added or deleted between pages moves nothing."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit is {limit}; a page holds 1 to {LARGEST_PAGE:,} runs")
    after = (
        None if cursor is None else cursors.decode(cursor, run_filter, newest_first=newest_first)
    )
    query = ordered(select(*_COLUMNS), run_filter, after=after, newest_first=newest_first)
    # One more than asked for tells whether there is another page.
    rows = connection.execute(query.limit(limit + 1)).mappings().all()
    following = None
    if len(rows) > limit:
        last = Position(rows[limit - 1]["created_at_ms"], rows[limit - 1]["run_id"])
        following = cursors.encode(last, run_filter, newest_first=newest_first)
    return Page(tuple(map(_summary, rows[:limit])), following)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run lies and how often it was written."""

    month: Month
    revision: int


def locate(connection: Connection, run_id: str, *, lock: bool = False) -> Place | None:
    """Where a run lies, ``run_id`` as the column has it.

    ``lock`` keeps other writers off the row until the transaction ends; on SQLite a writing
    transaction keeps them off anyway.
    """
    query = select(runs.c.month, runs.c.revision).where(runs.c.run_id == run_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Place(Month.of_key(row.month), row.revision)


def count(connection: Connection, run_filter: RunFilter) -> int:
    """How many runs pass the filter."""
    query = select(func.count()).select_from(runs).where(*conditions(run_filter))
    return connection.execute(query).scalar_one()


def ordered(
    query: Select[Any], run_filter: RunFilter, *, after: Position | None, newest_first: bool
) -> Select[Any]:
    """The query filtered, in order, and begun behind a position."""
    key = (runs.c.created_at_ms, runs.c.run_id)
    query = query.where(*conditions(run_filter))
    if after is not None:
        place = tuple_(after.created_at_ms, after.run_id)
        query = query.where(tuple_(*key) < place if newest_first else tuple_(*key) > place)
    return query.order_by(*(column.desc() if newest_first else column.asc() for column in key))


def _summary(row: RowMapping) -> RunSummary:
    values: dict[str, Any] = dict(row)
    for name in _TEXTS:
        if values[name] is not None:
            values[name] = from_column(values[name])
    values["month"] = Month.of_key(values["month"])
    try:
        values["status"] = RunStatus(values["status"])
        values["stop_kind"] = values["stop_kind"] and StopKind(values["stop_kind"])
    except ValueError as error:
        raise RecordTooNewError(
            f"The run {values['run_id']!r} holds {error}. Upgrade the package tandem-store."
        ) from error
    return RunSummary(**values)

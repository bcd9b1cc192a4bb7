"""What the automations do: their last runs, those that go on, and figures over a stretch of time.

All of it comes from the table ``runs``: no document is read, and of runs before the stretch only
the last of each automation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Row,
    RowMapping,
    ScalarSelect,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    select,
)

from tandem_store.batches import batched
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged, damaged_run
from tandem_store.database.dialect import unindexed
from tandem_store.records import TERMINAL_STATUSES, RunFilter, RunStatus, WaitsFor
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Selection
from tandem_store.runs.totals import sum_of_costs
from tandem_store.tables import runs

#: How many ids are asked for in one statement.
_BATCH: Final = 500
#: Digits of a sum of costs, far below a cent.
_DECIMALS: Final = 9
_TERMINAL: Final = sorted(status.value for status in TERMINAL_STATUSES)
_OPEN: Final = (RunStatus.QUEUED.value, RunStatus.RUNNING.value, RunStatus.PAUSING.value)
_LAST: Final = (
    runs.c.run_id,
    runs.c.month,
    runs.c.status,
    runs.c.created_at_ms,
    runs.c.finished_at_ms,
    runs.c.automation_name,
)
_TYPES: Final = RowTypes(_LAST)
#: Of automations without runs to count.
_NO_COUNTS: Final = {"active": 0, "queued": 0}
_NO_FIGURES: Final = {
    "runs": 0,
    "ended": 0,
    "completed": 0,
    "median_duration_ms": None,
    "estimated_cost_usd": 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The last run of an automation. Times are in milliseconds since 1970, UTC."""

    #: The id of the run.
    run_id: str
    #: Its status.
    status: RunStatus
    #: When it was created.
    created_at_ms: int
    #: When it ended, ``None`` if it did not.
    finished_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationActivity:
    """What an automation does. The figures from ``runs`` on are over runs created since a time."""

    #: The automation.
    automation_id: str
    #: Its name, as the definition that its last run ran with has it.
    name: str | None
    #: The run that was created last.
    last_run: LastRun
    #: Of those that have ended, the one that was created last; ``None`` if none has.
    last_terminal_run: LastRun | None
    #: How many run now: ``running`` or ``pausing``, and not waiting for an approval.
    active: int
    #: How many are queued.
    queued: int
    #: How many runs were created in the stretch of time.
    runs: int
    #: How many of them have ended.
    ended: int
    #: How many of them completed.
    completed: int
    #: The median of their durations in milliseconds; ``None`` if none has a duration.
    median_duration_ms: int | None
    #: Their estimated cost in US dollars, rounded to nine digits behind the point.
    estimated_cost_usd: float

    @property
    def success_rate(self) -> float | None:
        """The completed among those that have ended, from 0 to 1; ``None`` if none has."""
        return self.completed / self.ended if self.ended else None


def automation_ids(context: RunsContext) -> tuple[str, ...]:
    """Return the ids of all automations that have runs, by their code points."""
    return tuple(sorted(row.automation_id for row in _last_ids(context, None)))


def automations(
    context: RunsContext, *, since: datetime, automation_id: str | None = None
) -> tuple[AutomationActivity, ...]:
    """Return every automation that has runs, or one of them; the last active first."""
    ids = _last_ids(context, automation_id)
    wanted = {
        one for row in ids for one in (row.last_run, row.last_terminal_run) if one is not None
    }
    last = _last_runs(context, wanted)
    counts = _by_automation(_going_on(context, automation_id))
    figures = _by_automation(_recent(context, automation_id, since))
    found = [_activity(row, last, counts, figures) for row in ids]
    return tuple(sorted(found, key=lambda one: (-one.last_run.created_at_ms, one.automation_id)))


def _last_ids(context: RunsContext, automation_id: str | None) -> list[Row[Any]]:
    """Return automations with the ids of their last run and of their last one that has ended."""
    every = context.selection()
    ended = context.selection(RunFilter(terminal=True))
    ids = _ids(context, automation_id)
    query: Select[Any] = select(
        ids.c.automation_id,
        _newest(ids, every).label("last_run"),
        _newest(ids, ended).label("last_terminal_run"),
    )
    rows = context.connection.execute(query, {**every.values(), **ended.values()})
    # An automation may have nothing but runs that are never listed.
    return [row for row in rows if row.last_run is not None]


def _ids(context: RunsContext, automation_id: str | None) -> CTE:
    """Return the automations that may have runs of the tenant."""
    if automation_id is not None:
        return select(
            literal(automation_id, runs.c.automation_id.type).label("automation_id")
        ).cte()
    if context.scope is not None:
        return select(runs.c.automation_id).where(*context.tenancy.conditions()).distinct().cte()
    # From each id to the next in the index: a DISTINCT reads the entry of every run, see
    # https://wiki.postgresql.org/wiki/Loose_indexscan.
    first = select(func.min(runs.c.automation_id).label("automation_id")).cte(recursive=True)
    following = (
        select(func.min(runs.c.automation_id))
        .where(runs.c.automation_id > first.c.automation_id)
        .scalar_subquery()
    )
    every = first.union_all(select(following).where(first.c.automation_id.is_not(None)))
    return select(every.c.automation_id).where(every.c.automation_id.is_not(None)).cte()


def _newest(ids: CTE, selection: Selection) -> ScalarSelect[Any]:
    return (
        select(runs.c.run_id)
        # The index of the automation has the runs in their order; those of others have not.
        .where(
            runs.c.automation_id == ids.c.automation_id,
            *selection.shape().conditions(unindexed),
        )
        .order_by(runs.c.created_at_ms.desc(), runs.c.run_id.desc())
        .limit(1)
        .correlate(ids)
        .scalar_subquery()
    )


def _last_runs(context: RunsContext, run_ids: Iterable[str]) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for some in batched(sorted(run_ids), _BATCH):
        query = select(*_LAST).where(runs.c.run_id.in_(some))
        found |= {row.run_id: row for row in context.connection.execute(query)}
    return found


def _going_on(context: RunsContext, automation_id: str | None) -> Iterable[RowMapping]:
    """Return how many runs of each automation run or wait in the queue, if there are any."""
    selection = context.selection(RunFilter(status=_OPEN, automation_id=automation_id))
    is_queued = runs.c.status == RunStatus.QUEUED.value
    waits = runs.c.waits_for.is_not_distinct_from(WaitsFor.APPROVAL.value)
    query = (
        select(
            runs.c.automation_id,
            func.count(case((and_(~is_queued, ~waits), 1))).label("active"),
            func.count(case((is_queued, 1))).label("queued"),
        )
        .where(*selection.shape().conditions(_by_status))
        .group_by(unindexed(runs.c.automation_id))
    )
    return context.connection.execute(query, selection.values()).mappings()


def _by_status(column: Column[Any]) -> ColumnElement[Any]:
    """Leave no index but that of the status: hardly any run has not ended."""
    return column if column.name == runs.c.status.name else unindexed(column)


def _recent(
    context: RunsContext, automation_id: str | None, since: datetime
) -> Iterable[RowMapping]:
    """Return the figures of each automation over the runs created since a time."""
    selection = context.selection(RunFilter(created_from=since, automation_id=automation_id))
    shortest_first = (runs.c.duration_ms.is_(null()), runs.c.duration_ms)
    one = (
        select(
            runs.c.automation_id,
            runs.c.status,
            runs.c.duration_ms,
            runs.c.estimated_cost_usd,
            func.row_number()
            .over(partition_by=runs.c.automation_id, order_by=shortest_first)
            .label("place"),
            func.count(runs.c.duration_ms).over(partition_by=runs.c.automation_id).label("timed"),
        )
        .where(*selection.shape().conditions())
        .cte()
    )
    median = case((one.c.place == one.c.timed // 2 + 1, one.c.duration_ms))
    query = select(
        one.c.automation_id,
        func.count().label("runs"),
        func.count(case((one.c.status.in_(_TERMINAL), 1))).label("ended"),
        func.count(case((one.c.status == RunStatus.COMPLETED.value, 1))).label("completed"),
        func.max(median).label("median_duration_ms"),
        sum_of_costs(one.c.estimated_cost_usd).label("estimated_cost_usd"),
    ).group_by(one.c.automation_id)
    return context.connection.execute(query, selection.values()).mappings()


def _by_automation(rows: Iterable[RowMapping]) -> dict[str, dict[str, Any]]:
    return {row["automation_id"]: {str(name): row[name] for name in row} for row in rows}


def _activity(
    row: Row[Any],
    last: Mapping[str, Row[Any]],
    counts: Mapping[str, Mapping[str, Any]],
    figures: Mapping[str, Mapping[str, Any]],
) -> AutomationActivity:
    automation_id = row.automation_id
    newest, ended = last[row.last_run], last.get(row.last_terminal_run)
    try:
        fields = {
            **counts.get(automation_id, _NO_COUNTS),
            **figures.get(automation_id, _NO_FIGURES),
            "automation_id": automation_id,
        }
        fields["estimated_cost_usd"] = round(float(fields["estimated_cost_usd"] or 0.0), _DECIMALS)
    except DAMAGE as error:
        what = f"A run of the automation {automation_id!r}"
        raise damaged(what, f"cannot be counted: {error}") from error
    return AutomationActivity(
        name=newest.automation_name,
        last_run=_last_run(newest),
        last_terminal_run=None if ended is None else _last_run(ended),
        **fields,
    )


def _last_run(row: Row[Any]) -> LastRun:
    try:
        _TYPES.refuse_others(row)
        return LastRun(
            run_id=row.run_id,
            status=RunStatus(row.status),
            created_at_ms=row.created_at_ms,
            finished_at_ms=row.finished_at_ms,
        )
    except DAMAGE as error:
        raise damaged_run(row.run_id, row.month, f"holds {error}") from error

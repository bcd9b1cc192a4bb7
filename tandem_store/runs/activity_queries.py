"""The statements behind ``activity``: what each automation did last, does now, and did of late."""

from __future__ import annotations

from collections.abc import Iterable
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
from tandem_store.database.damaged_rows import RowTypes
from tandem_store.database.dialect import unindexed
from tandem_store.records import TERMINAL_STATUSES, RunFilter, RunStatus, WaitsFor
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Selection, Tenancy, itself
from tandem_store.runs.totals import sum_of_costs
from tandem_store.tables import runs

#: How many ids are asked for in one statement.
_BATCH: Final = 500
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
#: The types of what ``last_runs`` returns.
LAST_TYPES: Final = RowTypes(_LAST)


def last_ids(context: RunsContext, automation_id: str | None) -> list[Row[Any]]:
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
    # From each id to the next in an index: a DISTINCT reads the entry of every run, see
    # https://wiki.postgresql.org/wiki/Loose_indexscan. All deployments of a workspace are walked.
    own = () if context.scope is None else Tenancy.WORKSPACE.conditions()
    least = select(func.min(runs.c.automation_id).label("automation_id")).where(*own)
    first = least.cte(recursive=True)
    following = least.where(runs.c.automation_id > first.c.automation_id).scalar_subquery()
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


def last_runs(context: RunsContext, run_ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Return the runs with these ids by their ids."""
    found: dict[str, Row[Any]] = {}
    for some in batched(sorted(run_ids), _BATCH):
        query = select(*_LAST).where(runs.c.run_id.in_(some))
        found |= {row.run_id: row for row in context.connection.execute(query)}
    return found


def going_on(context: RunsContext, automation_id: str | None) -> Iterable[RowMapping]:
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
    # Hardly any run has not ended, so no other index is as short.
    return column if column is runs.c.status else unindexed(column)


def _by_automation(column: Column[Any]) -> ColumnElement[Any]:
    # Else SQLite may prefer the index of a tenant with years of runs.
    is_key = column is runs.c.automation_id or column is runs.c.created_at_ms
    return column if is_key else unindexed(column)


def recent(
    context: RunsContext, automation_id: str | None, since: datetime
) -> Iterable[RowMapping]:
    """Return the figures of each automation over the runs created since a time."""
    selection = context.selection(RunFilter(created_from=since, automation_id=automation_id))
    # Sorted by what is recent: SQLite would rather read all runs in the order of their automations.
    of_each = unindexed(runs.c.automation_id)
    shortest_first = (runs.c.duration_ms.is_(null()), runs.c.duration_ms)
    one = (
        select(
            runs.c.automation_id,
            runs.c.status,
            runs.c.duration_ms,
            runs.c.estimated_cost_usd,
            func.row_number().over(partition_by=of_each, order_by=shortest_first).label("place"),
            func.count(runs.c.duration_ms).over(partition_by=of_each).label("timed"),
        )
        .where(*selection.shape().conditions(itself if automation_id is None else _by_automation))
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

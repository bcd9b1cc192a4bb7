"""Runs, tokens, cost, success and durations, kept apart by what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import orjson
from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    Text,
    cast,
    func,
    literal,
    select,
)

from tandem_store.database.damaged_rows import DAMAGE, damaged
from tandem_store.database.dialect import unindexed
from tandem_store.month import Month
from tandem_store.records import RunFilter
from tandem_store.records.statistics_keys import statistics_keys, statistics_time
from tandem_store.runs import detached_sums
from tandem_store.runs.context import RunsContext
from tandem_store.runs.statistics_groups import Groups, in_order
from tandem_store.runs.totals import (
    TOKENS,
    Halves,
    ended_and_completed,
    rounded_cost,
    sum_of_costs,
    whole,
)
from tandem_store.tables import runs

#: The status beside the keys, of which it may be one as well.
_STATUS: Final = "how_it_is"
#: The fields of an entry that add up exactly.
_COUNTS: Final = ("runs", "ended", "completed", *TOKENS, "detached")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """The runs that have the same keys.

    A key that was not asked for is None. So is one that a run does not have: the day, week and
    month of a time that has not come, the deployment of a run that belongs to the workspace itself,
    and the profile of a run that cannot be read.

    Token sums are exact, however large; ``estimated_cost_usd`` is in US dollars, rounded to nine
    digits behind the point. ``detached`` is how many of the runs are not in the store any more,
    because their month was detached or dropped; nothing is known of their durations.
    """

    #: A day, UTC.
    day: date | None = None
    #: The Monday that the week begins with, UTC.
    week: date | None = None
    month: Month | None = None
    automation_id: str | None = None
    org_id: str | None = None
    workspace_id: str | None = None
    deployment_id: str | None = None
    trigger_type: str | None = None
    status: str | None = None
    execution_profile: str | None = None
    runs: int = 0
    #: How many of the runs have ended: completed, failed, cancelled or blocked.
    ended: int = 0
    completed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    estimated_cost_usd: float = 0.0
    #: Milliseconds from start to end: of the n runs that have both, sorted, element n // 2 (the
    #: first is 0). None if n is 0.
    duration_p50_ms: int | None = None
    #: The same, element ceil(0.95 n) - 1: the least duration that 95 % of the runs do not exceed.
    duration_p95_ms: int | None = None
    detached: int = 0

    @property
    def success_rate(self) -> float | None:
        """Completed runs of those that have ended, from 0 to 1; None if none has."""
        return self.completed / self.ended if self.ended else None


def stats(
    context: RunsContext,
    run_filter: RunFilter | None,
    *,
    by: str | Iterable[str],
    time: str,
    attached_only: bool,
) -> tuple[RunStatistics, ...]:
    """Return one entry for each combination of the keys that has runs, in the order of the keys."""
    groups = Groups(statistics_keys(by), statistics_time(time))
    entries: dict[tuple[Any, ...], RunStatistics] = {}
    for row in _attached(context, run_filter, groups):
        key, entry = _entry(groups, row)
        entries[key] = entry
    if not attached_only:
        for row in detached_sums.sums(context, run_filter, groups):
            key, entry = _entry(groups, row, is_detached=True)
            # A month that was dropped may have runs again.
            entries[key] = _sum(entries[key], entry) if key in entries else entry
    return tuple(entries[key] for key in sorted(entries, key=in_order))


def _attached(
    context: RunsContext, run_filter: RunFilter | None, groups: Groups
) -> Iterator[RowMapping]:
    selection = context.selection(run_filter)
    query = _query(groups, selection.shape().conditions())
    rows = context.connection.execute(query, selection.values()).mappings()
    # Without a key there is a row for no runs as well.
    return (row for row in rows if row["runs"])


def _query(groups: Groups, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return one statement for sums and durations: two could see two states of the store.

    Durations come as one text for each group. To number them in SQL, by window functions, took
    three times as long on SQLite and a third longer on PostgreSQL: 340 and 300 ms for 100,000 runs.
    """
    # A subquery, because PostgreSQL does not see that two expressions are the same if there are
    # parameters in them.
    named = _named(groups, conditions)
    keys = [named.c[name] for name in groups.names]
    return select(
        *keys,
        func.count().label("runs"),
        *ended_and_completed(named.c[_STATUS], literal(1)),
        *(half for name in TOKENS for half in Halves.of(named.c[name], name)),
        sum_of_costs(named.c.estimated_cost_usd).label("estimated_cost_usd"),
        func.aggregate_strings(cast(named.c.duration_ms, Text), ",").label("durations"),
    ).group_by(*keys)


def _named(groups: Groups, conditions: Sequence[ColumnElement[bool]]) -> FromClause:
    """Return the runs with what their groups differ in.

    SQLite must not read all runs in the order of an index on a key, which takes three times as long
    as to read them in their own and to sort them.
    """
    return (
        select(
            *groups.expressions(unindexed, runs.c[groups.time.column]),
            runs.c.status.label(_STATUS),
            *(runs.c[name] for name in (*TOKENS, "estimated_cost_usd", "duration_ms")),
        )
        .where(*conditions)
        .subquery()
    )


def _percentiles(durations: str | None) -> tuple[int | None, int | None]:
    """Return p50 and p95 of durations that are separated by commas."""
    if not durations:
        return None, None
    lengths: list[int] = sorted(orjson.loads(f"[{durations}]"))
    count = len(lengths)
    return lengths[count // 2], lengths[(count * 95 + 99) // 100 - 1]


def _sum(there: RunStatistics, left: RunStatistics) -> RunStatistics:
    """Return the runs of one group that are in the store together with those that left."""
    cost = there.estimated_cost_usd + left.estimated_cost_usd
    return replace(
        there,
        **{name: getattr(there, name) + getattr(left, name) for name in _COUNTS},
        estimated_cost_usd=rounded_cost(cost),
    )


def _entry(
    groups: Groups, row: RowMapping, *, is_detached: bool = False
) -> tuple[tuple[Any, ...], RunStatistics]:
    """Return the values of the keys, and the entry."""
    try:
        keys = groups.values(row)
        p50, p95 = _percentiles(row.get("durations"))
        return tuple(keys.values()), RunStatistics(
            **keys,
            runs=int(row["runs"]),
            ended=int(row["ended"]),
            completed=int(row["completed"]),
            prompt_tokens=whole(row, "prompt_tokens"),
            completion_tokens=whole(row, "completion_tokens"),
            total_tokens=whole(row, "total_tokens"),
            estimated_cost_usd=rounded_cost(row["estimated_cost_usd"]),
            duration_p50_ms=p50,
            duration_p95_ms=p95,
            detached=int(row["runs"]) if is_detached else 0,
        )
    except DAMAGE as error:
        raise damaged("A run", f"cannot be counted, as it has {error}") from error

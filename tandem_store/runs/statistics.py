"""Runs, tokens and cost, summed by month and status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, select

from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged, stored_month
from tandem_store.month import Month
from tandem_store.records import RunFilter
from tandem_store.runs import totals
from tandem_store.runs.context import RunsContext
from tandem_store.runs.totals import Halves, sum_of_costs, whole
from tandem_store.tables import runs

_TYPES: Final = RowTypes((runs.c.month, runs.c.status))
#: Digits of a sum of costs, far below a cent. The digits behind them depend on the order in which
#: floats are added, and so on what is detached.
_DECIMALS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """The runs of one month in one status.

    ``total_tokens`` is exact, however large; ``estimated_cost_usd`` is in US dollars, rounded to
    nine digits behind the point. ``detached`` is how many of the runs are not in the store any
    more, because their month was detached or dropped.
    """

    month: Month
    status: str
    runs: int
    total_tokens: int
    estimated_cost_usd: float
    detached: int = 0


def stats(
    context: RunsContext, run_filter: RunFilter | None, *, attached_only: bool
) -> tuple[RunStatistics, ...]:
    """Return one entry for each month and status that has runs, in that order, oldest first."""
    entries = {(one.month, one.status): one for one in _attached(context, run_filter)}
    if not attached_only:
        for row in totals.by_month_and_status(context, run_filter):
            entry = _entry(row, detached=True)
            there = entries.get((entry.month, entry.status))
            # A month that was dropped may have runs again.
            entries[entry.month, entry.status] = entry if there is None else _sum(there, entry)
    return tuple(entries[key] for key in sorted(entries))


def _attached(context: RunsContext, run_filter: RunFilter | None) -> Iterator[RunStatistics]:
    selection = context.selection(run_filter)
    query = (
        select(
            runs.c.month,
            runs.c.status,
            func.count().label("runs"),
            *Halves.of(runs.c.total_tokens, "total_tokens"),
            sum_of_costs(runs.c.estimated_cost_usd).label("estimated_cost_usd"),
        )
        .where(*selection.shape().conditions())
        .group_by(runs.c.month, runs.c.status)
    )
    rows = context.connection.execute(query, selection.values())
    return (_entry(row) for row in rows)


def _sum(one: RunStatistics, other: RunStatistics) -> RunStatistics:
    return RunStatistics(
        month=one.month,
        status=one.status,
        runs=one.runs + other.runs,
        total_tokens=one.total_tokens + other.total_tokens,
        estimated_cost_usd=round(one.estimated_cost_usd + other.estimated_cost_usd, _DECIMALS),
        detached=one.detached + other.detached,
    )


def _entry(row: Row[Any], *, detached: bool = False) -> RunStatistics:
    month = stored_month(row.month, "A run")
    try:
        _TYPES.refuse_others(row)
        return RunStatistics(
            month=month,
            status=row.status,
            runs=int(row.runs),
            total_tokens=whole(row.total_tokens_high, row.total_tokens_low),
            estimated_cost_usd=round(float(row.estimated_cost_usd or 0.0), _DECIMALS),
            detached=int(row.runs) if detached else 0,
        )
    except DAMAGE as error:
        raise damaged(f"A run of month {month}", f"cannot be counted: {error}") from error

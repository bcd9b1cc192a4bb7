"""Runs, tokens and cost, summed by month and status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Integer, Numeric, Row, cast, func, literal, select

from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged, stored_month
from tandem_store.month import Month
from tandem_store.records import RunFilter
from tandem_store.runs.context import RunsContext
from tandem_store.tables import runs

_TYPES: Final = RowTypes((runs.c.month, runs.c.status))
_LOW_BITS: Final = 32
_DECIMAL: Final = Numeric(asdecimal=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """The runs of one month in one status.

    ``total_tokens`` is exact, however large; ``estimated_cost_usd`` is in US dollars.
    """

    month: Month
    status: str
    runs: int
    total_tokens: int
    estimated_cost_usd: float


def stats(context: RunsContext, run_filter: RunFilter | None) -> tuple[RunStatistics, ...]:
    """Return one entry for each month and status that has runs, in that order, oldest first."""
    tokens, selection = runs.c.total_tokens, context.selection(run_filter)
    # Summed in two halves, because SQLite's sum() fails beyond 63 bits and total() is a float.
    query = (
        select(
            runs.c.month,
            runs.c.status,
            func.count().label("runs"),
            func.sum(tokens.bitwise_rshift(literal(_LOW_BITS, Integer))).label("high"),
            func.sum(tokens.bitwise_and((1 << _LOW_BITS) - 1)).label("low"),
            # As decimals: two large floats would overflow, which is an error on PostgreSQL.
            func.sum(cast(runs.c.estimated_cost_usd, _DECIMAL)).label("cost"),
        )
        .where(*selection.shape().conditions())
        .group_by(runs.c.month, runs.c.status)
        .order_by(runs.c.month, runs.c.status)
    )
    rows = context.connection.execute(query, selection.values())
    return tuple(_entry(row) for row in rows)


def _entry(row: Row[Any]) -> RunStatistics:
    month = stored_month(row.month, "A run")
    try:
        _TYPES.refuse_others(row)
        return RunStatistics(
            month=month,
            status=row.status,
            runs=row.runs,
            total_tokens=(int(row.high or 0) << _LOW_BITS) + int(row.low or 0),
            estimated_cost_usd=float(row.cost or 0.0),
        )
    except DAMAGE as error:
        raise damaged(f"A run of month {month}", f"cannot be counted: {error}") from error

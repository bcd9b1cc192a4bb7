"""The sums over runs that left with their month: kept at its end, so that no figure changes.

They are kept by day of creation, automation, tenant, status and trigger. ``detached_sums`` answers
questions with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Numeric,
    RowMapping,
    case,
    cast,
    delete,
    func,
    literal,
    select,
)

from tandem_store.database.bulk import insert_rows
from tandem_store.mapping import LARGEST_BIGINT
from tandem_store.month import MILLISECONDS_PER_DAY, Month
from tandem_store.records import TERMINAL_STATUSES, RunStatus
from tandem_store.tables import month_totals, runs

#: What sums are kept by, beside the day.
KEPT_BY: Final = (
    "automation_id",
    "org_id",
    "workspace_id",
    "deployment_id",
    "status",
    "trigger_type",
)
#: The sums of tokens.
TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_COST: Final = "estimated_cost_usd"
_LOW_BITS: Final = 32
#: Digits of a sum of costs behind the point.
_COST_DIGITS: Final = 9
_DECIMAL: Final = Numeric(asdecimal=False)
_TERMINAL: Final = sorted(status.value for status in TERMINAL_STATUSES)


class Halves(NamedTuple):
    """The sum of a column in two halves, for any number of rows.

    SQLite's sum() fails beyond 63 bits, and its total() is a float.
    """

    high: ColumnElement[Any]
    low: ColumnElement[Any]

    @classmethod
    def of(cls, column: ColumnElement[Any], name: str) -> Halves:
        """Return the two sums, labelled for ``whole``."""
        high = func.sum(column.bitwise_rshift(literal(_LOW_BITS, Integer)))
        low = func.sum(column.bitwise_and((1 << _LOW_BITS) - 1))
        return cls(high.label(f"{name}_high"), low.label(f"{name}_low"))


def whole(row: RowMapping, name: str) -> int:
    """Return the sum that a row has in two halves; 0 for no rows."""
    return (int(row[f"{name}_high"] or 0) << _LOW_BITS) + int(row[f"{name}_low"] or 0)


def sum_of_costs(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the sum of costs, as a decimal: floats could overflow, an error on PostgreSQL."""
    return func.sum(cast(column, _DECIMAL))


def rounded_cost(cost: Any) -> float:
    """Return a sum of costs, which is None for no rows, rounded far below a cent.

    The digits behind depend on the order in which floats are added, and so on what is detached.
    """
    return round(float(cost or 0.0), _COST_DIGITS)


def ended_and_completed(
    status: ColumnElement[Any], count: ColumnElement[Any]
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return how many runs have ended, and how many completed; ``count`` is how many a row is."""
    ended = func.sum(case((status.in_(_TERMINAL), count), else_=0))
    completed = func.sum(case((status == RunStatus.COMPLETED.value, count), else_=0))
    return ended.label("ended"), completed.label("completed")


def keep(connection: Connection, month: Month, archive_id: int) -> None:
    """Keep the sums over the runs of a month that is about to leave."""
    day_ms = (runs.c.created_at_ms // MILLISECONDS_PER_DAY * MILLISECONDS_PER_DAY).label("day_ms")
    groups = [runs.c[name] for name in KEPT_BY]
    query = (
        select(
            day_ms,
            *groups,
            func.count().label("runs"),
            *(half for name in TOKENS for half in Halves.of(runs.c[name], name)),
            sum_of_costs(runs.c[_COST]).label(_COST),
        )
        .where(runs.c.month == month)
        .group_by(day_ms, *groups)
    )
    found = connection.execute(query).mappings().all()
    rows = [{"archive_id": archive_id, **one} for row in found for one in _rows(row)]
    insert_rows(connection, month_totals, rows)


def _rows(row: RowMapping) -> Iterator[dict[str, Any]]:
    """Yield the rows for one group: several, if its tokens are more than a column can hold."""
    groups = {name: row[name] for name in ("day_ms", *KEPT_BY)}
    left = {name: whole(row, name) for name in TOKENS}
    counts: dict[str, Any] = {"runs": row["runs"], _COST: float(row[_COST] or 0.0)}
    while True:
        held = {name: min(number, LARGEST_BIGINT) for name, number in left.items()}
        yield {**groups, **counts, **held}
        left = {name: number - held[name] for name, number in left.items()}
        if not any(left.values()):
            return
        counts = {"runs": 0, _COST: 0.0}


def remove(connection: Connection, archive_id: int) -> None:
    """Remove the sums over runs that come back."""
    connection.execute(delete(month_totals).where(month_totals.c.archive_id == archive_id))

"""The sums over runs that left with their month: kept at its end, so that no figure changes.

They are kept by day of creation, automation, tenant, status and trigger. A question about anything
else cannot be answered for such runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Numeric,
    Row,
    RowMapping,
    cast,
    delete,
    func,
    literal,
    select,
)

from tandem_store.database.bulk import insert_rows
from tandem_store.database.dialect import all_digits
from tandem_store.errors import InvalidFilterError
from tandem_store.month import MILLISECONDS_PER_DAY, Month
from tandem_store.records import RunFilter
from tandem_store.runs.context import RunsContext
from tandem_store.tables import archives, month_totals, runs

_GROUPS: Final = (
    "automation_id",
    "org_id",
    "workspace_id",
    "deployment_id",
    "status",
    "trigger_type",
)
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_COST: Final = "estimated_cost_usd"
_LARGEST_BIGINT: Final = 2**63 - 1
_LOW_BITS: Final = 32
_DECIMAL: Final = Numeric(asdecimal=False)
#: The only range of times that totals know, in whole days.
_DAYS: Final = "created_at_ms"
#: The conditions of a filter that totals can answer.
_KNOWN: Final = frozenset((*_GROUPS, "terminal", "created_from", "created_to"))


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


def whole(high: Any, low: Any) -> int:
    """Return the sum that a row has in two halves; 0 for no rows."""
    return (int(high or 0) << _LOW_BITS) + int(low or 0)


def sum_of_costs(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the sum of costs, as a decimal: floats could overflow, an error on PostgreSQL."""
    return func.sum(cast(column, _DECIMAL))


def _sum_of_sums(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the sum of what was summed before, with all of its digits."""
    return func.sum(all_digits(column))


def keep(connection: Connection, month: Month, archive_id: int) -> None:
    """Keep the sums over the runs of a month that is about to leave."""
    day_ms = (runs.c.created_at_ms // MILLISECONDS_PER_DAY * MILLISECONDS_PER_DAY).label("day_ms")
    groups = [runs.c[name] for name in _GROUPS]
    query = (
        select(
            day_ms,
            *groups,
            func.count().label("runs"),
            *(half for name in _TOKENS for half in Halves.of(runs.c[name], name)),
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
    groups = {name: row[name] for name in ("day_ms", *_GROUPS)}
    left = {name: whole(row[f"{name}_high"], row[f"{name}_low"]) for name in _TOKENS}
    counts: dict[str, Any] = {"runs": row["runs"], _COST: float(row[_COST] or 0.0)}
    while True:
        held = {name: min(number, _LARGEST_BIGINT) for name, number in left.items()}
        yield {**groups, **counts, **held}
        left = {name: number - held[name] for name, number in left.items()}
        if not any(left.values()):
            return
        counts = {"runs": 0, _COST: 0.0}


def remove(connection: Connection, archive_id: int) -> None:
    """Remove the sums over runs that come back."""
    connection.execute(delete(month_totals).where(month_totals.c.archive_id == archive_id))


def by_month_and_status(context: RunsContext, run_filter: RunFilter | None) -> list[Row[Any]]:
    """Return month, status, runs, total tokens in halves, and cost, of runs that pass the filter.

    Raises ``InvalidFilterError`` if the filter asks what totals do not know, and there are any.
    """
    if context.connection.execute(select(month_totals.c.id).limit(1)).first() is None:
        return []
    _refuse_unknown(run_filter)
    selection = context.selection(run_filter)
    query = (
        select(
            archives.c.month,
            month_totals.c.status,
            func.sum(month_totals.c.runs).label("runs"),
            *Halves.of(month_totals.c.total_tokens, "total_tokens"),
            _sum_of_sums(month_totals.c[_COST]).label(_COST),
        )
        .join_from(month_totals, archives)
        .where(*selection.shape().conditions(_kept))
        .group_by(archives.c.month, month_totals.c.status)
    )
    return list(context.connection.execute(query, selection.values()))


def _kept(column: Column[Any]) -> ColumnElement[Any]:
    return month_totals.c["day_ms" if column.name == _DAYS else column.name]


def _refuse_unknown(run_filter: RunFilter | None) -> None:
    if run_filter is None:
        return
    unknown = sorted(run_filter.given() - _KNOWN)
    for name, first, end in run_filter.ranges():
        if name == _DAYS and any((moment or 0) % MILLISECONDS_PER_DAY for moment in (first, end)):
            unknown.append("times within a day")
    if unknown:
        raise InvalidFilterError(
            f"The filter asks for {', '.join(unknown)}. Of detached months the store knows totals "
            "by day of creation, automation, tenant, status and trigger only. Leave them out with "
            "attached_only=True, or ask without that."
        )

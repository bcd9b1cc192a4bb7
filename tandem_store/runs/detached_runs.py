"""The runs of detached months: where each is, and that its id stays taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, bindparam, func, select

from tandem_store.batches import batched
from tandem_store.database import partitions
from tandem_store.database.damaged_rows import stored_month
from tandem_store.database.prepared import Prepared
from tandem_store.errors import MonthDetachedError, quote_id
from tandem_store.month import Month
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Tenancy
from tandem_store.tables import archives, detached_runs

#: How many ids are asked for in one statement.
_BATCH: Final = 500

_ANY: Final = Prepared(select(detached_runs.c.run_id).limit(1))
_TIMES: Final = Prepared(
    select(detached_runs.c.run_id, detached_runs.c.updated_at_ms).where(
        detached_runs.c.run_id.in_(bindparam("run_ids", expanding=True))
    )
)


@dataclass(frozen=True, slots=True)
class DetachedMonth:
    """A month whose runs are not listed, and how many they are."""

    month: Month
    runs: int


def refuse_if_detached(context: RunsContext, run_id: str) -> None:
    """Raise ``MonthDetachedError`` if the tenant's run with this id left with its month."""
    row = _place(context.tenancy).first(context.connection, context.values(run_id=run_id))
    if row is None:
        return
    month, location = stored_month(row[0], "An archive"), row[1]
    raise MonthDetachedError(
        f"The run {quote_id(run_id)} is in {month}, which was detached. "
        f"{partitions.how_to_attach(location)}",
        archive=location,
    )


@cache
def _place(tenancy: Tenancy) -> Prepared:
    return Prepared(
        select(archives.c.month, archives.c.location)
        .join_from(detached_runs, archives)
        .where(detached_runs.c.run_id == bindparam("run_id"), *tenancy.conditions(_own))
    )


def _own(column: Column[Any]) -> ColumnElement[Any]:
    return detached_runs.c[column.name]


def updated_times(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return those of the ids that are of detached runs, and when each was updated.

    Times are in milliseconds since 1970, UTC.
    """
    # Most stores never had a month detached, and a long list of ids costs more to ask than this.
    if _ANY.first(connection, {}) is None:
        return {}
    found: dict[str, int] = {}
    for batch in batched(run_ids, _BATCH):
        found |= dict(_TIMES.all(connection, {"run_ids": list(batch)}))
    return found


def detached(context: RunsContext) -> tuple[DetachedMonth, ...]:
    """Return the months that were detached with runs of the tenant, oldest first."""
    query = (
        select(archives.c.month, func.count())
        .join_from(detached_runs, archives)
        .where(*context.tenancy.conditions(_own))
        .group_by(archives.c.month)
        .order_by(archives.c.month)
    )
    rows = context.connection.execute(query, context.values())
    return tuple(DetachedMonth(stored_month(month, "An archive"), number) for month, number in rows)

"""Ids of runs found by how they begin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, select

from tandem_store.column_types import starts_with
from tandem_store.database.dialect import unindexed
from tandem_store.runs.context import RunsContext
from tandem_store.tables import detached_runs, runs

#: What the engine puts before the UUID of a run; people leave it out.
PREFIXES: Final = ("automation-v2-run-", "automation-v2-")


def find_ids(context: RunsContext, beginning: str, *, limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` ids that begin so, or so after a prefix of the engine.

    Those of detached months too, so that nobody takes another run for one of them.
    """
    if not beginning:
        return ()
    found: dict[str, None] = {}
    for prefix in ("", *PREFIXES):
        for table in (runs, detached_runs):
            found |= dict.fromkeys(_ids(context, table, prefix + beginning, limit))
    # Ids are compared by code points, here as in the database.
    return tuple(sorted(found)[:limit])


def _ids(context: RunsContext, table: Table, beginning: str, limit: int) -> Iterator[str]:
    def own(column: Column[Any]) -> ColumnElement[Any]:
        return unindexed(table.c[column.name])

    # The range is shorter than what an index by tenant would give.
    query = (
        select(table.c.run_id)
        .where(*starts_with(table.c.run_id, beginning), *context.tenancy.conditions(own))
        .order_by(table.c.run_id)
        .limit(limit)
    )
    return context.connection.execute(query, context.values()).scalars()

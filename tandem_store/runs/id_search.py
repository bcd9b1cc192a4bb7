"""Ids of runs found by how they begin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import select

from tandem_store.column_types import starts_with
from tandem_store.database.dialect import unindexed
from tandem_store.runs.context import RunsContext
from tandem_store.tables import runs

#: What the engine puts before the UUID of a run; people leave it out.
PREFIXES: Final = ("automation-v2-run-", "automation-v2-")


def find_ids(context: RunsContext, beginning: str, *, limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` ids that begin so, or so after a prefix of the engine."""
    if not beginning:
        return ()
    found: dict[str, None] = {}
    for prefix in ("", *PREFIXES):
        found |= dict.fromkeys(_ids(context, prefix + beginning, limit))
    # Ids are compared by code points, here as in the database.
    return tuple(sorted(found)[:limit])


def _ids(context: RunsContext, beginning: str, limit: int) -> Iterator[str]:
    # The range is shorter than what an index by tenant would give.
    query = (
        select(runs.c.run_id)
        .where(*starts_with(runs.c.run_id, beginning), *context.tenancy.conditions(unindexed))
        .order_by(runs.c.run_id)
        .limit(limit)
    )
    return context.connection.execute(query, context.values()).scalars()

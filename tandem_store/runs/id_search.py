"""Ids of runs by how they begin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, select

from tandem_store.column_types import starts_with
from tandem_store.models import runs, unindexed
from tandem_store.records import TenantScope
from tandem_store.runs.selection import within

#: What the engine puts before the UUID of a run; people leave it out.
PREFIXES: Final = ("automation-v2-run-", "automation-v2-")


def ids(
    connection: Connection, beginning: str, limit: int, scope: TenantScope | None = None
) -> tuple[str, ...]:
    """At most ``limit`` ids of the tenant that begin so, or so after a prefix of the engine."""
    if not beginning:
        return ()
    found: dict[str, None] = {}
    for prefix in ("", *PREFIXES):
        found |= dict.fromkeys(_ids(connection, prefix + beginning, limit, scope))
    # Ids are compared by code points, here as in the database.
    return tuple(sorted(found)[:limit])


def _ids(
    connection: Connection, beginning: str, limit: int, scope: TenantScope | None
) -> Iterator[str]:
    # The range is shorter than what an index by tenant would give.
    query = (
        select(runs.c.run_id)
        .where(*starts_with(runs.c.run_id, beginning), *within(scope, unindexed))
        .order_by(runs.c.run_id)
        .limit(limit)
    )
    return connection.execute(query).scalars()

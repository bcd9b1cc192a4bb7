"""Ids of runs by how they begin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from tandem_store.mapping import from_column, to_column
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
        found |= dict.fromkeys(_ids(connection, to_column(prefix + beginning), limit, scope))
    # Ids are compared by code points, here as in the database.
    return tuple(sorted(found)[:limit])


def _ids(
    connection: Connection, beginning: str, limit: int, scope: TenantScope | None
) -> Iterator[str]:
    # A range, because LIKE walks no index on SQLite, where it takes "a" for "A". It is shorter than
    # what an index by tenant would give.
    query = (
        select(runs.c.run_id)
        .where(*_range(beginning), *within(scope, unindexed))
        .order_by(runs.c.run_id)
        .limit(limit)
    )
    return map(from_column, connection.execute(query).scalars())


def _range(beginning: str) -> Iterator[ColumnElement[bool]]:
    yield runs.c.run_id >= beginning
    if end := _after(beginning):
        yield runs.c.run_id < end


def _after(beginning: str) -> str:
    """The first text behind all that begin so; empty if none is behind them."""
    kept = beginning.rstrip(chr(sys.maxunicode))
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    # No database takes a lone surrogate.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)

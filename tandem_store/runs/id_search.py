"""Ids of runs found by how they begin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, select

from tandem_store.mapping import from_column, to_column
from tandem_store.models import runs, unindexed
from tandem_store.runs.context import RunsContext

#: What the engine puts before the UUID of a run; people leave it out.
PREFIXES: Final = ("automation-v2-run-", "automation-v2-")


def find_ids(context: RunsContext, beginning: str, *, limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` ids that begin so, or so after a prefix of the engine."""
    if not beginning:
        return ()
    found: dict[str, None] = {}
    for prefix in ("", *PREFIXES):
        found |= dict.fromkeys(_ids(context, to_column(prefix + beginning), limit))
    # Ids are compared by code points, here as in the database.
    return tuple(sorted(found)[:limit])


def _ids(context: RunsContext, beginning: str, limit: int) -> Iterator[str]:
    # A range, because LIKE walks no index on SQLite, where it takes "a" for "A". It is shorter than
    # what an index by tenant would give.
    query = (
        select(runs.c.run_id)
        .where(*_range(beginning), *context.within(unindexed))
        .order_by(runs.c.run_id)
        .limit(limit)
    )
    return map(from_column, context.connection.execute(query).scalars())


def _range(beginning: str) -> Iterator[ColumnElement[bool]]:
    yield runs.c.run_id >= beginning
    if end := _after(beginning):
        yield runs.c.run_id < end


def _after(beginning: str) -> str:
    """Return the first text after all that begin so; empty if there is none."""
    kept = beginning.rstrip(chr(sys.maxunicode))
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    # No database takes a lone surrogate.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)

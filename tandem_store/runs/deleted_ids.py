"""The lives of an id: a run that is added where one was deleted goes on with its revisions.

``deleted_runs`` has the last revision of every deleted run. The row of an id stays when a run is
added under it again, and is brought up to date when that one is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tandem_store.database import dialect
from tandem_store.database.bulk import insert_rows
from tandem_store.database.prepared import Prepared, Values
from tandem_store.tables import deleted_runs, runs

#: How many ids are asked for in one statement.
_BATCH: Final = 500

_ANY: Final = Prepared(select(deleted_runs.c.run_id).limit(1))
_ID_AND_REVISION: Final = select(deleted_runs.c.run_id, deleted_runs.c.revision)
_LAST_OF_ONE: Final = Prepared(_ID_AND_REVISION.where(deleted_runs.c.run_id == bindparam("run_id")))
_LAST: Final = Prepared(
    _ID_AND_REVISION.where(deleted_runs.c.run_id.in_(bindparam("run_ids", expanding=True)))
)
_BEGIN_BEYOND: Final = (
    update(runs)
    .where(runs.c.run_id == bindparam("of_run"))
    .values(revision=bindparam("new_revision"))
)


def begin(connection: Connection, run_ids: Sequence[str]) -> list[int]:
    """Give new rows of ``runs`` their first revisions, and return them in the order of the ids.

    Called after the rows were inserted with revision 1, never before: on PostgreSQL the insertion
    waits for whoever is just deleting the id, and only then is the last revision there to be read.
    """
    last = _last_revisions(connection, run_ids)
    if last:
        changes = [
            {"of_run": run_id, "new_revision": revision + 1} for run_id, revision in last.items()
        ]
        connection.execute(_BEGIN_BEYOND, changes)
    return [last.get(run_id, 0) + 1 for run_id in run_ids]


def end(connection: Connection, run_id: str, revision: int) -> None:
    """Note the last revision of a run that is being deleted; the caller has locked its row."""
    values = {"revision": revision, "deleted_at_ms": dialect.now_ms(connection)}
    itself = deleted_runs.c.run_id == run_id
    again = connection.execute(update(deleted_runs).where(itself).values(values))
    if not again.rowcount:
        connection.execute(insert(deleted_runs).values(run_id=run_id, **values))


def end_many(connection: Connection, revisions: Mapping[str, int], *, deleted_at_ms: int) -> None:
    """Note the last revisions of runs that are given up together, by their ids."""
    run_ids = list(revisions)
    connection.execute(delete(deleted_runs).where(deleted_runs.c.run_id.in_(run_ids)))
    rows = [
        {"run_id": run_id, "revision": revision, "deleted_at_ms": deleted_at_ms}
        for run_id, revision in revisions.items()
    ]
    insert_rows(connection, deleted_runs, rows)


def _last_revisions(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    if len(run_ids) == 1:
        return _by_id(_LAST_OF_ONE.all(connection, {"run_id": run_ids[0]}))
    # Most stores never had a run deleted, and a long list of ids costs more to ask than this.
    if _ANY.first(connection, {}) is None:
        return {}
    last: dict[str, int] = {}
    for first in range(0, len(run_ids), _BATCH):
        batch = list(run_ids[first : first + _BATCH])
        last |= _by_id(_LAST.all(connection, {"run_ids": batch}))
    return last


def _by_id(rows: Iterable[Values]) -> dict[str, int]:
    return dict(rows)

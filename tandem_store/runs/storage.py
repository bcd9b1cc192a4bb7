"""How runs are stored: where one is, and the statements that insert, replace and remove them.

The caller has made the month tables (``partitions.ensure``). A failure in the middle of one of
these functions leaves half of it written, so each is called in a transaction, or a savepoint, that
is rolled back then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update

from tandem_store import snapshots
from tandem_store.database import partitions
from tandem_store.database.bulk import insert_rows
from tandem_store.database.damaged_rows import stored_month
from tandem_store.errors import StoreError
from tandem_store.mapping import STORED_VERSION, RunRows
from tandem_store.mapping.compression import ENCODING
from tandem_store.month import Month
from tandem_store.runs import deleted_ids
from tandem_store.runs.context import RunsContext
from tandem_store.tables import runs

_TAKEN: Final = select(runs.c.run_id).where(runs.c.run_id.in_(bindparam("run_ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class StoredAt:
    """Where a run is stored, at which revision, and in which status."""

    month: Month
    revision: int
    status: str


def locate(context: RunsContext, run_id: str, *, lock: bool = False) -> StoredAt | None:
    """Return where a run is stored, or None.

    ``lock`` keeps other writers off the row until the transaction ends. On SQLite a writing
    transaction does so anyway.
    """
    columns = (runs.c.month, runs.c.revision, runs.c.status)
    query = select(*columns).where(runs.c.run_id == run_id, *context.within())
    found = context.connection.execute(query.with_for_update() if lock else query)
    row = found.one_or_none()
    if row is None:
        return None
    return StoredAt(stored_month(row.month, f"The run {run_id!r}"), row.revision, row.status)


def insert_runs(connection: Connection, new: Sequence[RunRows], *, imported: bool) -> list[int]:
    """Insert runs whose ids are not taken, with their documents and snapshots.

    Returns the revision of each: 1, or one more than the last revision of a run that was deleted
    under its id.

    Raises ``sqlalchemy.exc.IntegrityError`` for an id that is taken.
    """
    ids = _snapshot_ids(connection, new)
    insert_rows(
        connection,
        runs,
        [
            run_row(run, revision=1, imported=imported, snapshot_id=_snapshot_id(run, ids))
            for run in new
        ],
    )
    by_month: dict[Month, list[dict[str, Any]]] = defaultdict(list)
    for run in new:
        by_month[run.month].append(document_row(run))
    for month, rows in by_month.items():
        insert_rows(connection, partitions.document_table(connection, month), rows)
    return deleted_ids.begin(connection, [run.columns["run_id"] for run in new])


def replace(
    connection: Connection,
    run: RunRows,
    *,
    old_month: Month,
    imported: bool,
    revision: int,
    only_if: Iterable[ColumnElement[bool]] = (),
) -> bool:
    """Write a run over the one with its id, moving the document if the month has changed.

    Returns False, and writes nothing, if the stored row does not satisfy ``only_if``.
    """
    ids = _snapshot_ids(connection, [run])
    row = run_row(run, revision=revision, imported=imported, snapshot_id=_snapshot_id(run, ids))
    run_id = row.pop("run_id")
    if run.month == old_month:
        # SQLite asks every month's table for documents that refer to a key that is set.
        del row["month"]
    written = connection.execute(update(runs).where(runs.c.run_id == run_id, *only_if).values(row))
    if not written.rowcount:
        return False
    remove_document(connection, run_id, old_month)
    insert_rows(connection, partitions.document_table(connection, run.month), [document_row(run)])
    return True


def remove(connection: Connection, run_id: str, month: Month, *, revision: int) -> None:
    """Delete a run, which is at ``revision``, and its document.

    The caller has locked the row.
    """
    deleted_ids.end(connection, run_id, revision)
    remove_document(connection, run_id, month)
    connection.execute(delete(runs).where(runs.c.run_id == run_id))


def remove_document(connection: Connection, run_id: str, month: Month) -> None:
    """Delete a run's document from its month."""
    table = partitions.document_table(connection, month)
    connection.execute(delete(table).where(table.c.run_id == run_id, table.c.month == month))


def taken_ids(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Return those of the ids that are in use."""
    taken: set[str] = set()
    for first in range(0, len(run_ids), snapshots.BATCH):
        batch = run_ids[first : first + snapshots.BATCH]
        taken |= set(connection.execute(_TAKEN, {"run_ids": batch}).scalars())
    return taken


def updated_times(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return when the runs that exist were updated, in milliseconds UTC."""
    query = select(runs.c.run_id, runs.c.updated_at_ms).where(runs.c.run_id.in_(run_ids))
    return {row.run_id: row.updated_at_ms for row in connection.execute(query)}


def ensure_months(connection: Connection, wanted: Collection[Month]) -> None:
    """Make the tables that are missing; a failure half-way leaves nothing that can be committed."""
    try:
        partitions.ensure(connection, wanted)
    except StoreError:
        raise  # refused before anything was written
    except BaseException:
        connection.invalidate()  # perhaps between a table and its row in the months
        raise


@contextmanager
def all_or_nothing(connection: Connection) -> Iterator[None]:
    """Keep statements together: if one fails, the transaction cannot be committed any more.

    Not even by a caller that catches the failure: whatever the connection is asked afterwards, a
    commit too, raises ``StoreError``. A savepoint would let the caller go on, but would cost every
    write two more statements for a case that hardly ever comes.
    """
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise


def run_row(
    run: RunRows, *, revision: int, imported: bool, snapshot_id: int | None
) -> dict[str, Any]:
    """Return the row of ``runs``, without the claim, which stays as it is."""
    return {
        **run.columns,
        "revision": revision,
        "schema_version": STORED_VERSION,
        "imported": imported,
        "snapshot_id": snapshot_id,
    }


def document_row(run: RunRows) -> dict[str, Any]:
    """Return the row of the month's table."""
    return {
        "run_id": run.columns["run_id"],
        "month": run.columns["month"],
        "schema_version": STORED_VERSION,
        "encoding": ENCODING,
        "document": run.document,
    }


def _snapshot_ids(connection: Connection, new: Iterable[RunRows]) -> dict[bytes, int]:
    return snapshots.ensure(connection, (run.snapshot for run in new if run.snapshot is not None))


def _snapshot_id(run: RunRows, ids: Mapping[bytes, int]) -> int | None:
    return None if run.snapshot is None else ids[run.snapshot.digest]

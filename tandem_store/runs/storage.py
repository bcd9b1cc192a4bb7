"""Runs ready to be stored, and the statements that put them in place, one run or thousands.

The caller has seen to the month tables (``partitions.ensure``). A failure in the middle of one of
these leaves half of it written, so each belongs into a transaction, or a savepoint, that is undone
then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, delete, select, update

from tandem_store import snapshots
from tandem_store.database import partitions
from tandem_store.database.bulk import insert_rows
from tandem_store.mapping import STORED_VERSION, RunRows, Snapshot, pack
from tandem_store.mapping.compression import ENCODING
from tandem_store.models import runs
from tandem_store.month import Month
from tandem_store.runs import deleted_ids


@dataclass(frozen=True, slots=True)
class PackedRun:
    """A run as its rows, the document already compressed.

    ``columns`` are those of ``runs`` that follow from the record.
    """

    columns: dict[str, Any]
    document: bytes
    snapshot: Snapshot | None

    @classmethod
    def of(cls, rows: RunRows) -> Self:
        """The rows of one run, packed; may be done in another process than the writer's."""
        return cls(rows.columns, pack(rows.document), rows.snapshot)

    @property
    def month(self) -> Month:
        """The month that the document belongs to."""
        month: Month = self.columns["month"]
        return month


def place(connection: Connection, packed: Sequence[PackedRun], *, imported: bool) -> list[int]:
    """Insert runs whose ids are not taken, with their documents and snapshots.

    Returns the revision of each: 1, or one beyond the last of the run that was deleted under its
    id.

    Raises ``sqlalchemy.exc.IntegrityError`` for an id that is taken.
    """
    ids = _snapshot_ids(connection, packed)
    insert_rows(
        connection,
        runs,
        [
            run_row(run, revision=1, imported=imported, snapshot_id=_snapshot_id(run, ids))
            for run in packed
        ],
    )
    by_month: dict[Month, list[dict[str, Any]]] = defaultdict(list)
    for run in packed:
        by_month[run.month].append(document_row(run))
    for month, rows in by_month.items():
        insert_rows(connection, partitions.document_table(connection, month), rows)
    return deleted_ids.begin(connection, [run.columns["run_id"] for run in packed])


def replace(
    connection: Connection,
    run: PackedRun,
    *,
    old_month: Month,
    imported: bool,
    revision: int,
    only_if: Iterable[ColumnElement[bool]] = (),
) -> bool:
    """Write a run over the one with its id, moving the document if the month has changed.

    Nothing is written, and the answer is False, if the stored row does not satisfy ``only_if``.
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
    """Those of the ids that are in use."""
    taken: set[str] = set()
    for first in range(0, len(run_ids), snapshots.BATCH):
        batch = run_ids[first : first + snapshots.BATCH]
        taken |= set(
            connection.execute(select(runs.c.run_id).where(runs.c.run_id.in_(batch))).scalars()
        )
    return taken


def updated_times(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """When the runs that exist were updated, in milliseconds."""
    query = select(runs.c.run_id, runs.c.updated_at_ms).where(runs.c.run_id.in_(run_ids))
    return {row.run_id: row.updated_at_ms for row in connection.execute(query)}


def run_row(
    run: PackedRun, *, revision: int, imported: bool, snapshot_id: int | None
) -> dict[str, Any]:
    """The row of ``runs``; claims are left as they are."""
    return {
        **run.columns,
        "revision": revision,
        "schema_version": STORED_VERSION,
        "imported": imported,
        "snapshot_id": snapshot_id,
    }


def document_row(run: PackedRun) -> dict[str, Any]:
    """The row of the month's table."""
    return {
        "run_id": run.columns["run_id"],
        "month": run.columns["month"],
        "schema_version": STORED_VERSION,
        "encoding": ENCODING,
        "document": run.document,
    }


def _snapshot_ids(connection: Connection, packed: Iterable[PackedRun]) -> dict[bytes, int]:
    return snapshots.ensure(
        connection, (run.snapshot for run in packed if run.snapshot is not None)
    )


def _snapshot_id(run: PackedRun, ids: Mapping[bytes, int]) -> int | None:
    return None if run.snapshot is None else ids[run.snapshot.digest]

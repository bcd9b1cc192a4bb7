"""How runs are stored: where one is, and the statements that insert, replace and remove them.

The caller has made the month tables (``partitions.ensure``). A failure in the middle of one of
these functions leaves half of it written, so each is called in a transaction, or a savepoint, that
is rolled back then.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select, update

from tandem_store import snapshots
from tandem_store.database import dialect, partitions
from tandem_store.database.bulk import insert_rows
from tandem_store.database.damaged_rows import stored_month
from tandem_store.database.prepared import Prepared
from tandem_store.errors import ContentForgottenError, StoreError, quote_id
from tandem_store.mapping import STORED_VERSION, RunRows
from tandem_store.mapping.compression import FORGOTTEN, RUN_ENCODING
from tandem_store.month import Month
from tandem_store.runs import deleted_ids, detached_runs
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Tenancy
from tandem_store.tables import runs

#: How many statements are kept ready: some for each month.
_STATEMENTS: Final = 2_048
#: What a document is found by.
_DOCUMENT_KEY: Final = ("run_id", "month")
_NONE: Final[Mapping[str, Any]] = {}

_TAKEN: Final = Prepared(
    select(runs.c.run_id).where(runs.c.run_id.in_(bindparam("run_ids", expanding=True)))
)


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
    values = context.values(run_id=run_id)
    row = _location(context.tenancy, lock=lock).first(context.connection, values)
    if row is None:
        return None
    month, revision, status = row
    return StoredAt(stored_month(month, f"The run {run_id!r}"), revision, status)


@cache
def _location(tenancy: Tenancy, *, lock: bool) -> Prepared:
    itself = runs.c.run_id == bindparam("run_id")
    columns = (runs.c.month, runs.c.revision, runs.c.status)
    query = select(*columns).where(itself, *tenancy.conditions())
    return Prepared(query.with_for_update() if lock else query)


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


def insert_run(connection: Connection, run: RunRows) -> int | None:
    """Insert one run with its document and snapshot, as a service does.

    Returns its revision as ``insert_runs`` does, or None if the id is taken, also by a concurrent
    writer; then the transaction can go on.
    """
    snapshot_id = _snapshot_id(run, _snapshot_ids(connection, [run]))
    row = run_row(run, revision=1, imported=False, snapshot_id=snapshot_id)
    if not _inserting(connection.dialect.name, runs, tuple(row)).write(connection, row):
        return None
    table, document = partitions.document_table(connection, run.month), document_row(run)
    _inserting(connection.dialect.name, table, tuple(document)).write(connection, document)
    return deleted_ids.begin(connection, [run.columns["run_id"]])[0]


@lru_cache(_STATEMENTS)
def _inserting(dialect_name: str, table: Table, names: tuple[str, ...]) -> Prepared:
    statement = dialect.insert_unless_there(dialect_name, table)
    return Prepared(statement.values({name: bindparam(name) for name in names}))


def replace(
    connection: Connection,
    run: RunRows,
    *,
    old_month: Month,
    imported: bool,
    revision: int,
    only_if: tuple[ColumnElement[bool], ...] = (),
    values: Mapping[str, Any] = _NONE,
    snapshot_id: int | None = None,
    before: Mapping[str, Any] = _NONE,
    unless_forgotten: bool = False,
) -> bool:
    """Write a run over the one with its id, moving the document if the month has changed.

    Returns False, and writes nothing, if the stored row does not satisfy ``only_if``, whose
    parameters have ``values``. It must be the same object at each call: its statement is kept.
    ``snapshot_id`` is the row of the run's snapshot, and ``before`` the columns of the row, if the
    caller knows that they are there: columns that stay as they are are not written. With
    ``unless_forgotten``, content that was forgotten since the run was read does not come back.

    Raises ``ContentForgottenError`` then.
    """
    if snapshot_id is None:
        snapshot_id = _snapshot_id(run, _snapshot_ids(connection, [run]))
    row = run_row(run, revision=revision, imported=imported, snapshot_id=snapshot_id)
    known = {"month": old_month, **before}
    changed = tuple(name for name, value in row.items() if not _is_as_before(known, name, value))
    new = {f"new_{name}": row[name] for name in ("run_id", *changed)}
    if not _replacing(only_if, changed).write(connection, {**new, **values}):
        return False
    _replace_document(connection, run, old_month, unless_forgotten=unless_forgotten)
    return True


def _is_as_before(before: Mapping[str, Any], name: str, value: Any) -> bool:
    """Return whether a column holds the value already; by its type too, as damage is of another."""
    if name == "run_id":
        return True  # it is what the row is found by
    if name not in before:
        return False
    old = before[name]
    return type(old) is type(value) and bool(old == value) and _has_same_sign(old, value)


def _has_same_sign(old: Any, value: Any) -> bool:
    """Return whether equal values are not the two zeros of floats, which PostgreSQL keeps apart."""
    return type(value) is not float or math.copysign(1, old) == math.copysign(1, value)


@lru_cache(_STATEMENTS)
def _replacing(only_if: tuple[ColumnElement[bool], ...], names: tuple[str, ...]) -> Prepared:
    """Return the statement that writes these columns.

    SQLite writes every index anew that has a column which is set, whether its value changes or not,
    and for a key it asks every month's table for documents that refer to it.
    """
    statement = update(runs).where(runs.c.run_id == bindparam("new_run_id"), *only_if)
    return Prepared(statement.values({name: bindparam(f"new_{name}") for name in names}))


def _replace_document(
    connection: Connection, run: RunRows, old_month: Month, *, unless_forgotten: bool
) -> None:
    table, row = partitions.document_table(connection, run.month), document_row(run)
    stays = run.month == old_month
    if stays:
        new = {f"new_{name}": value for name, value in row.items()}
        if _replacing_document(table, unless_forgotten=unless_forgotten).write(connection, new):
            return
    if unless_forgotten:
        _refuse_forgotten(connection, row["run_id"], old_month)
    if not stays:
        remove_document(connection, row["run_id"], old_month)
    insert_rows(connection, table, [row])


def _refuse_forgotten(connection: Connection, run_id: str, month: Month) -> None:
    # The row of the run is locked by now, and whoever forgets locks it first.
    table = partitions.document_table(connection, month)
    values = {"run_id": run_id, "month": month}
    if _forgotten(table).first(connection, values) is not None:
        raise ContentForgottenError(
            f"The content of the run {quote_id(run_id)} was forgotten while it was updated.",
            run_id=run_id,
        )


@lru_cache(_STATEMENTS)
def _forgotten(table: Table) -> Prepared:
    key = [table.c[name] == bindparam(name) for name in _DOCUMENT_KEY]
    return Prepared(select(table.c.run_id).where(*key, table.c.encoding == FORGOTTEN))


@lru_cache(_STATEMENTS)
def _replacing_document(table: Table, *, unless_forgotten: bool) -> Prepared:
    key = [table.c[name] == bindparam(f"new_{name}") for name in _DOCUMENT_KEY]
    others = [column.name for column in table.c if column.name not in _DOCUMENT_KEY]
    has_content = [table.c.encoding != FORGOTTEN] if unless_forgotten else []
    statement = update(table).where(*key, *has_content)
    return Prepared(statement.values({name: bindparam(f"new_{name}") for name in others}))


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
    _removing(table).write(connection, {"run_id": run_id, "month": month})


@lru_cache(_STATEMENTS)
def _removing(table: Table) -> Prepared:
    key = [table.c[name] == bindparam(name) for name in _DOCUMENT_KEY]
    return Prepared(delete(table).where(*key))


def taken_ids(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Return those of the ids that are in use, also by runs of detached months."""
    taken = set(detached_runs.updated_times(connection, run_ids))
    for first in range(0, len(run_ids), snapshots.BATCH):
        batch = run_ids[first : first + snapshots.BATCH]
        taken |= {run_id for (run_id,) in _TAKEN.all(connection, {"run_ids": batch})}
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
        "encoding": RUN_ENCODING,
        "document": run.document,
    }


def _snapshot_ids(connection: Connection, new: Iterable[RunRows]) -> dict[bytes, int]:
    return snapshots.ensure(connection, (run.snapshot for run in new if run.snapshot is not None))


def _snapshot_id(run: RunRows, ids: Mapping[bytes, int]) -> int | None:
    return None if run.snapshot is None else ids[run.snapshot.digest]

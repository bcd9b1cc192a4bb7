"""The database of a later engine beside the files: looked at, never imported, never touched.

From release 0.6.9 on the engine trusts ``stateful_runtime.sqlite3`` and writes the files after it.
What is newer or only there has to be known before anybody believes that the import is complete.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tandem_store.errors import SourceError
from tandem_store.mapping import to_column
from tandem_store.runs.packed import updated_times
from tandem_store.store import Store

_BATCH = 500


def newer_in_engine_database(database: Path, store: Store) -> list[str]:
    """The ids of runs that the engine's database holds newer than the store, or alone.

    A private copy is read, because SQLite writes beside a database even when it only reads.

    Raises ``SourceError`` when it is no such database.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / database.name
        for suffix in ("", "-wal"):
            part = database.with_name(database.name + suffix)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as connection:
            return sorted(_newer(_rows(connection), store))


def _rows(connection: sqlite3.Connection) -> Iterator[list[tuple[Any, Any]]]:
    try:
        rows = connection.execute("SELECT run_id, updated_at_ms FROM automation_runs")
        while batch := rows.fetchmany(_BATCH):
            yield batch
    except sqlite3.Error as error:
        raise SourceError(f"cannot be read: {error}") from error


def _newer(batches: Iterator[list[tuple[Any, Any]]], store: Store) -> Iterator[str]:
    with store.read() as tx:
        for batch in batches:
            ids = [to_column(run_id) for run_id, _ in batch if isinstance(run_id, str)]
            stored = updated_times(tx.connection, ids)
            for run_id, updated_at_ms in batch:
                if not (isinstance(run_id, str) and isinstance(updated_at_ms, int)):
                    raise SourceError(f"has a row that is none: {run_id!r}, {updated_at_ms!r}")
                if stored.get(to_column(run_id), -1) < updated_at_ms:
                    yield run_id

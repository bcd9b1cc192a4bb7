"""The database of a later engine beside the files: looked at, never imported, never touched.

From release 0.6.9 on the engine trusts ``stateful_runtime.sqlite3`` and writes the files after it.
What is newer or only there has to be known before anybody believes that the import is complete.

The file is somebody else's and may hold anything: one table is read, within bounds, and nothing in
its schema is run.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tandem_store.errors import SourceError
from tandem_store.runs import detached_runs
from tandem_store.runs.storage import updated_times
from tandem_store.store import Store

#: Bytes of the database and its log that are copied: a private copy takes as much of the disk.
LARGEST_DATABASE: Final = 16 * 1024**3
#: Rows; each is an id of at most ``LONGEST_VALUE`` bytes and a time.
MOST_ROWS: Final = 5_000_000
#: Bytes of one value. Ids are at most 1,024.
LONGEST_VALUE: Final = 1024 * 1024
#: Steps of SQLite's machine. A row takes about ten.
MOST_STEPS: Final = 100 * MOST_ROWS
_STEPS_AT_ONCE: Final = 100_000
_BATCH: Final = 500
_PLAIN: Final = "automation_runs is no plain table: "
#: A table's own page; views and virtual tables have none.
_TABLE: Final = """
    SELECT name, type, rootpage FROM sqlite_master WHERE name = 'automation_runs' COLLATE NOCASE
"""
_COLUMNS: Final = """
    SELECT name FROM pragma_table_xinfo('automation_runs')
    WHERE hidden = 0 AND name IN ('run_id', 'updated_at_ms')
"""


def newer_in_engine_database(database: Path, store: Store) -> list[str]:
    """Return the ids of the runs that are newer in the engine's database, or only there.

    They are sorted by their code points. A private copy is read, because SQLite writes beside a
    database even when it only reads.

    Raises ``SourceError`` when it is no such database, or larger than is read.
    """
    parts = [(suffix, database.with_name(database.name + suffix)) for suffix in ("", "-wal")]
    there = [(suffix, part) for suffix, part in parts if part.exists()]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / database.name
        _refuse_size(sum(part.stat().st_size for _, part in there), shutil.disk_usage(folder).free)
        for suffix, part in there:
            shutil.copyfile(part, copy.with_name(copy.name + suffix))
        try:
            with closing(_opened(copy)) as connection:
                _refuse_others(connection)
                return sorted(_newer(_rows(connection), store))
        except sqlite3.Error as error:
            raise SourceError(f"cannot be read: {error}") from error


def _refuse_size(size: int, free: int) -> None:
    if size > LARGEST_DATABASE:
        raise SourceError(f"has {size:,} bytes: at most {LARGEST_DATABASE:,} are read")
    if size > free:
        raise SourceError(
            f"has {size:,} bytes, and {free:,} are free for a copy of it: set TMPDIR to a folder "
            "with more space"
        )


def _opened(copy: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(copy)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    left = iter(range(MOST_STEPS // _STEPS_AT_ONCE))
    connection.set_progress_handler(lambda: next(left, None) is None, _STEPS_AT_ONCE)
    for setting in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _refuse_others(connection: sqlite3.Connection) -> None:
    """Refuse what only looks like the engine's table: a view may be endless."""
    found = connection.execute(_TABLE).fetchall()
    if not found:
        raise SourceError("cannot be read: it has no table automation_runs")
    if [(kind, page > 0) for _, kind, page in found] != [("table", True)]:
        raise SourceError(_PLAIN + "views and virtual tables are not read")
    if len(connection.execute(_COLUMNS).fetchall()) != 2:
        raise SourceError(_PLAIN + "run_id and updated_at_ms are missing, or computed")


def _rows(connection: sqlite3.Connection) -> Iterator[list[tuple[Any, Any]]]:
    rows = connection.execute(
        "SELECT run_id, updated_at_ms FROM main.automation_runs LIMIT ?", (MOST_ROWS + 1,)
    )
    count = 0
    while batch := rows.fetchmany(_BATCH):
        count += len(batch)
        if count > MOST_ROWS:
            raise SourceError(f"has more than {MOST_ROWS:,} rows: no more are read")
        yield batch


def _newer(batches: Iterator[list[tuple[Any, Any]]], store: Store) -> Iterator[str]:
    with store.read() as tx:
        for batch in batches:
            ids = [run_id for run_id, _ in batch if isinstance(run_id, str)]
            stored = updated_times(tx.connection, ids)
            stored |= detached_runs.updated_times(tx.connection, ids)
            for run_id, updated_at_ms in batch:
                if not (isinstance(run_id, str) and isinstance(updated_at_ms, int)):
                    raise SourceError("has a row without a text run_id or an integer updated_at_ms")
                if stored.get(run_id, -1) < updated_at_ms:
                    yield run_id

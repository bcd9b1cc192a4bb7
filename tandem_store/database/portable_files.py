"""SQLite files that are handed on: everything is in the one file, nothing is beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from tandem_store.database.error_translation import translating
from tandem_store.errors import NotAStoreError

#: Pages that are copied between two calls of ``progress``: 4 MB with our page size.
_STEP: Final = 256


def copy_pages(connection: Connection, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy an SQLite database, as the connection's transaction sees it, into an empty file.

    The transaction must have read something, which fixes the moment that it sees: otherwise SQLite
    restarts the copy, at a later moment, whenever another connection writes. The copy is not synced
    to the disk. ``progress`` is called with the number of pages copied and of all pages.
    """
    source: Any = connection.connection.dbapi_connection
    with translating(), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # No journal, because the caller removes the file if the copy is interrupted.
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        source.backup(
            copy, pages=_STEP, progress=lambda _, left, pages: progress(pages - left, pages)
        )


def convert_to_single_file(path: Path) -> None:
    """Checkpoint the write-ahead log and turn it off, so that the file can be copied as it is."""
    with translating(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        if mode != "delete":
            raise NotAStoreError(f"The write-ahead log of {path} cannot be written back.")


def convert_to_store(path: Path) -> None:
    """Turn the write-ahead log on in a single file, and remove the mark of a backup.

    Otherwise the first writer would turn it on, and wait for all readers before.
    """
    with translating(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version=0")
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise NotAStoreError(f"{path} cannot use write-ahead logging: put it on a local disk.")


def page_bytes(connection: Connection) -> int:
    """Return the bytes in all pages of an SQLite database, as the transaction sees it."""
    pages, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_count", "page_size")
    )
    return pages * size


def first_damage(path: Path) -> str | None:
    """Return the first thing that SQLite's own check finds wrong with a file, None if nothing."""
    uri = f"{path.as_uri()}?mode=ro"
    with translating(), closing(sqlite3.connect(uri, uri=True)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if found == "ok" else " ".join(str(found).split())

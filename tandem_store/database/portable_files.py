"""An SQLite file that is handed on: all of it in one file, and nothing beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from tandem_store.database.error_translation import translating
from tandem_store.errors import NotAStoreError

#: How many pages are copied before progress is told: 4 MB of the size that we make.
_STEP: Final = 256


def copy_pages(connection: Connection, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy an SQLite database, as the connection's transaction sees it, into an empty file.

    The transaction must have read something, which is what ties it to one moment: without that,
    SQLite begins the copy anew, at a later moment, whenever another connection writes. Nothing is
    put on the disk for sure. ``progress`` is told how many pages are done, of how many.
    """
    source: Any = connection.connection.dbapi_connection
    with translating(), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # Whoever calls makes a new file if this one is interrupted.
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        source.backup(
            copy, pages=_STEP, progress=lambda _, left, pages: progress(pages - left, pages)
        )


def make_portable(path: Path) -> None:
    """Fold the write-ahead log in, and let the file do without one until it is written to again."""
    with translating(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        if mode != "delete":
            raise NotAStoreError(f"The write-ahead log of {path} cannot be folded in.")


def make_usable(path: Path) -> None:
    """Bring a portable file into the state that a store is in, without a number of its own.

    Whoever wrote to it first would have to wait until nobody reads it, to begin the log.
    """
    with translating(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version=0")
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise NotAStoreError(f"{path} cannot use write-ahead logging: put it on a local disk.")


def page_bytes(connection: Connection) -> int:
    """How many bytes the pages of an SQLite database take, as the transaction sees it."""
    pages, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_count", "page_size")
    )
    return pages * size


def integrity(path: Path) -> str | None:
    """What SQLite's own check finds wrong with the file first; None for nothing."""
    uri = f"{path.as_uri()}?mode=ro"
    with translating(), closing(sqlite3.connect(uri, uri=True)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if found == "ok" else " ".join(str(found).split())

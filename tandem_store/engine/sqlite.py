"""An SQLite file: how it is made, opened and written to by one at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from tandem_store.address import sqlite_path
from tandem_store.engine import waiting
from tandem_store.errors import NotAStoreError, StoreError

Synchronous = Literal["OFF", "NORMAL", "FULL"]

#: ``TSto``, in the header of every SQLite file of ours.
APPLICATION_ID: Final = 0x5453746F
#: Bytes. 16 KB pages insert 1.75 times as fast as SQLite's 4 KB, for the size of our documents.
PAGE_SIZE: Final = 16_384
#: How many prepared statements a connection keeps: some for each month, of which there are many.
_STATEMENTS: Final = 1_024


def create_pair(url: URL, pragmas: tuple[str, ...]) -> tuple[Engine, Engine]:
    """The engine that writes, with these settings, and the one that reads."""
    path = Path(url.database or "")
    return (
        _engine(url, "BEGIN IMMEDIATE", lambda: _open_for_writing(path, pragmas)),
        _engine(url, "BEGIN", lambda: _open_for_reading(path)),
    )


def create_file(url: URL) -> None:
    """Make the SQLite file, readable by its owner alone before it has a first byte.

    Does nothing on a server or to a file that is ours already. The caller holds the upgrade lock.

    Raises:
        NotAStoreError: the file holds something else.
        StoreError: the folder is missing or not writable.
    """
    path = sqlite_path(url)
    if path is None:
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"Cannot make {path}: {error.strerror}.") from error
    connection = _connect(path, "rw")
    try:
        if not _is_ours(connection, path):
            # VACUUM writes the first page; the others count only before it exists.
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("VACUUM")
    finally:
        connection.close()


def _connect(path: Path, mode: Literal["rw", "ro"]) -> sqlite3.Connection:
    # The driver never begins a transaction by itself (isolation_level=None): its own idea of when
    # to begin loses updates. The engine's begin event does. A pool may hand a connection to another
    # thread, one at a time, hence check_same_thread=False.
    if not path.exists():
        raise StoreError(f"There is no database at {path}. Make it with: tandem-store db upgrade")
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=waiting.BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    # False: a database without tables, which may become ours.
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id == APPLICATION_ID:
        return True
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        raise NotAStoreError(f"{path} is an SQLite database of another program; name another file.")
    return False


def _open_for_writing(path: Path, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    def prepare(connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"{path} cannot use write-ahead logging (SQLite says {mode!r}), so readers and "
                "writers would block each other. Put it on a local disk, in a writable folder."
            )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return _opened(path, "rw", prepare)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    return _opened(path, "ro", lambda _: None)


def _opened(
    path: Path, mode: Literal["rw", "ro"], prepare: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    connection = _connect(path, mode)
    try:
        _is_ours(connection, path)
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _engine(url: URL, begin: str, creator: Callable[[], sqlite3.Connection]) -> Engine:
    # No limit to the pool: a thread that needs a connection should wait for the database, which it
    # is told about, and not for another thread.
    engine = create_engine(url, creator=creator, poolclass=QueuePool, max_overflow=-1)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

"""An SQLite file: how it is made, opened and written to by one at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from tandem_store.address import sqlite_path
from tandem_store.engine import checkpoints, forks, waiting
from tandem_store.engine.guards import guard, undone
from tandem_store.errors import NotAStoreError, StoreError
from tandem_store.failures import translating

Synchronous = Literal["OFF", "NORMAL", "FULL"]

#: ``TSto``, in the header of every SQLite file of ours.
APPLICATION_ID: Final = 0x5453746F
#: Bytes. 16 KB pages insert 1.75 times as fast as SQLite's 4 KB, for the size of our documents.
PAGE_SIZE: Final = 16_384
#: How many prepared statements a connection keeps: some for each month, of which there are many.
_STATEMENTS: Final = 1_024


class StoreFile:
    """The file that a store was opened with, which another may take the place of."""

    def __init__(self, path: Path) -> None:
        #: Where it is, or was.
        self.path = path
        self._identity: forks.Identity | None = None

    def refuse_if_replaced(self) -> None:
        """Raise ``StoreError`` if it is not the file that it was when it was asked first."""
        now = forks.identity(self.path)
        if self._identity is None:
            self._identity = now
        elif now != self._identity:
            what = "removed" if now is None else "replaced by another"
            raise StoreError(
                f"{self.path} was {what} while the store was open. Put it back, or close the store "
                "and open it again."
            )


def create_pair(url: URL, pragmas: tuple[str, ...]) -> tuple[Engine, Engine]:
    """The engine that writes, with these settings, and the one that reads."""
    file = StoreFile(Path(url.database or ""))
    return (
        _engine(url, file, "BEGIN IMMEDIATE", lambda: _open_for_writing(file.path, pragmas)),
        _engine(url, file, "BEGIN", lambda: _open_for_reading(file.path)),
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
    with translating(), closing(_connect(path, "rw")) as connection:
        if not _is_ours(connection, path):
            # VACUUM writes the first page; the others count only before it exists.
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("VACUUM")


def _connect(path: Path, mode: Literal["rw", "ro"]) -> checkpoints.Committing:
    # The driver never begins a transaction by itself (isolation_level=None): its own idea of when
    # to begin loses updates. The engine's begin event does. A pool may hand a connection to another
    # thread, one at a time, hence check_same_thread=False.
    if not path.exists():
        raise StoreError(f"There is no database at {path}. Make it with: tandem-store db upgrade")
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=waiting.BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
        factory=checkpoints.Committing,
    )
    if mode == "rw" and checkpoints.IS_NEEDED:
        connection.commit_lock = checkpoints.lock_of(path)
    return connection


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
        for pragma in (*pragmas, *checkpoints.PRAGMAS):
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


def _engine(
    url: URL, file: StoreFile, begin: str, creator: Callable[[], sqlite3.Connection]
) -> Engine:
    def open_file() -> sqlite3.Connection:
        forks.refuse_if_inherited(file.path)
        file.refuse_if_replaced()
        connection = creator()
        try:
            file.refuse_if_replaced()
        except BaseException:
            connection.close()
            raise
        return connection

    # No limit to the pool: a thread that needs a connection should wait for the database, which it
    # is told about, and not for another thread.
    engine = create_engine(
        url, creator=open_file, poolclass=QueuePool, max_overflow=-1, hide_parameters=True
    )
    guard(engine)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        try:
            file.refuse_if_replaced()
        except StoreError:
            connection.invalidate()
            engine.pool.dispose()
            raise
        connection.exec_driver_sql(begin)

    @event.listens_for(engine, "before_cursor_execute")
    def refuse_in_autocommit(connection: Connection, cursor: sqlite3.Cursor, *_: object) -> None:
        # Some failures, as a full disk, make SQLite itself roll back. What is executed afterwards
        # would be stored at once, statement by statement.
        if not cursor.connection.in_transaction and connection.in_transaction():
            raise undone(connection)

    @event.listens_for(engine, "commit")
    def refuse_to_commit_nothing(connection: Connection) -> None:
        if not connection.connection.in_transaction:
            raise undone(connection)

    return engine

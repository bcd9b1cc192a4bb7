"""The two engines of an SQLite file, and the rules of their connections and transactions."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError

from tandem_store.database import forks, prepared
from tandem_store.database.error_events import raise_as_sqlalchemy, raise_our_errors, undone_error
from tandem_store.database.locks import commit_lock
from tandem_store.database.sqlite_files import (
    LOG_LIMIT,
    SizeAndTime,
    closed_on_failure,
    connect,
    is_ours,
    needs_no_locks,
    roll_back_journal,
    size_and_time,
)
from tandem_store.database.waiting import LogLongWait
from tandem_store.errors import StoreError

Synchronous = Literal["OFF", "NORMAL", "FULL"]

_log: Final = logging.getLogger(__name__)

#: How much a writing connection caches, in units of 1 KiB (https://sqlite.org/pragma.html).
#: SQLite's own 2 MB do not hold the pages of all indexes that a batch of runs goes into, and the
#: batch takes a tenth longer then.
_CACHE: Final = "cache_size=-16384"


class StoreFile:
    """The file that a store was opened with; another file may be put in its place later."""

    def __init__(self, path: Path) -> None:
        #: Where it is, or was.
        self.path = path
        #: What it was like when it was opened without locks, if it was.
        self.opened_without_locks: SizeAndTime | None = None
        self._identity: forks.FileIdentity | None = None

    def refuse_if_replaced(self) -> None:
        """Raise ``StoreError`` if it is not the file that it was at the first call."""
        now = forks.file_identity(self.path)
        if self._identity is None:
            self._identity = now
        elif now != self._identity:
            what = "removed" if now is None else "replaced by another"
            raise StoreError(
                f"{self.path} was {what} while the store was open. Put it back, or close the store "
                "and open it again."
            )

    def reconnect_if_changed(self, *_: object) -> None:
        """Make the pool reconnect if the file was opened without locks and has changed since."""
        opened = self.opened_without_locks
        if opened is None:
            return
        if opened != size_and_time(self.path) or not needs_no_locks(self.path):
            raise DisconnectionError


def create_pair(url: URL, pragmas: tuple[str, ...]) -> tuple[Engine, Engine]:
    """Return the engine that writes, with these settings, and the one that reads."""
    file = StoreFile(Path(url.database or ""))
    return (
        _engine(url, file, "BEGIN IMMEDIATE", partial(_open_for_writing, file.path, pragmas)),
        _engine(url, file, "BEGIN", partial(_open_for_reading, file)),
    )


def _engine(
    url: URL, file: StoreFile, begin: str, opener: Callable[[], sqlite3.Connection]
) -> Engine:
    engine = create_engine(
        url,
        creator=partial(_open, file, opener),
        poolclass=QueuePool,
        # No limit: a thread that needs a connection should wait for the database, about which it
        # gets a message, and not for another thread.
        max_overflow=-1,
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    raise_our_errors(engine, reads=begin == "BEGIN")
    event.listen(engine, "checkout", file.reconnect_if_changed)
    waiting_for = f"another process that is writing to {file.path}"
    event.listen(engine, "begin", partial(_begin, file, begin, waiting_for))
    event.listen(engine, "before_cursor_execute", _refuse_autocommit)
    event.listen(engine, "commit", _refuse_empty_commit)
    prepared.shorten(engine)
    return engine


def _open(file: StoreFile, opener: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
    file.refuse_if_replaced()
    connection = opener()
    with closed_on_failure(connection):
        file.refuse_if_replaced()
    return connection


def _open_for_writing(path: Path, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    connection = connect(path, "mode=rw")
    with closed_on_failure(connection):
        is_ours(connection, path)
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"{path} cannot use write-ahead logging (SQLite says {mode!r}), so readers and "
                "writers would block each other. Put it on a local disk, in a writable folder."
            )
        for pragma in (f"journal_size_limit={LOG_LIMIT}", _CACHE, *pragmas, *commit_lock.PRAGMAS):
            connection.execute(f"PRAGMA {pragma}")
    return connection


def _open_for_reading(file: StoreFile) -> sqlite3.Connection:
    roll_back_journal(file.path)
    connection = connect(file.path, "mode=ro")
    with closed_on_failure(connection):
        try:
            is_ours(connection, file.path)
            file.opened_without_locks = None
        except sqlite3.OperationalError:
            if not needs_no_locks(file.path):
                raise
            connection.close()
            return _open_without_locks(file)
    return connection


def _open_without_locks(file: StoreFile) -> sqlite3.Connection:
    # SQLite creates a file for its locks even to read, unless ``immutable`` promises that nobody
    # writes.
    file.opened_without_locks = size_and_time(file.path)
    connection = connect(file.path, "immutable=1")
    with closed_on_failure(connection):
        is_ours(connection, file.path)
    _log.info(
        "%s is read without locks (immutable), because it or its folder cannot be written to",
        file.path,
    )
    return connection


def _begin(file: StoreFile, statement: str, waiting_for: str, connection: Connection) -> None:
    try:
        file.refuse_if_replaced()
    except StoreError:
        connection.invalidate()
        connection.engine.pool.dispose()
        raise
    with LogLongWait(waiting_for):
        _send_begin(connection, statement)


def _send_begin(connection: Connection, statement: str) -> None:
    # By the driver itself: SQLAlchemy takes ten times as long as SQLite.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
    except BaseException as error:
        raise_as_sqlalchemy(connection, error, statement, cursor)
        raise
    cursor.close()


def _refuse_autocommit(connection: Connection, cursor: sqlite3.Cursor, *_: object) -> None:
    # After some failures, such as a full disk, SQLite itself rolls back. Whatever is executed then
    # would be stored at once, statement by statement.
    if not cursor.connection.in_transaction and connection.in_transaction():
        raise undone_error(connection)


def _refuse_empty_commit(connection: Connection) -> None:
    # There is nothing to commit after SQLite itself rolled back.
    if not connection.connection.in_transaction:
        raise undone_error(connection)

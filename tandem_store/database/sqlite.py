"""An SQLite file: how it is made, opened and written to by one at a time."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError

from tandem_store.database import commit_lock, forks
from tandem_store.database.error_events import guard, undone
from tandem_store.database.locks import noted
from tandem_store.database.sqlite_files import (
    LOG_LIMIT,
    Fingerprint,
    closed_on_failure,
    connect,
    fingerprint,
    is_frozen,
    is_ours,
    roll_back_journal,
)
from tandem_store.errors import StoreError

Synchronous = Literal["OFF", "NORMAL", "FULL"]

_log: Final = logging.getLogger(__name__)


class StoreFile:
    """The file that a store was opened with, which another may take the place of."""

    def __init__(self, path: Path) -> None:
        #: Where it is, or was.
        self.path = path
        #: What it looked like when it was opened without locks, if it was.
        self.frozen: Fingerprint | None = None
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

    def refuse_if_thawed(self) -> None:
        """Raise ``DisconnectionError`` if it was opened without locks and written to since."""
        if self.frozen is None:
            return
        if self.frozen != fingerprint(self.path) or not is_frozen(self.path):
            raise DisconnectionError


def create_pair(url: URL, pragmas: tuple[str, ...]) -> tuple[Engine, Engine]:
    """The engine that writes, with these settings, and the one that reads."""
    file = StoreFile(Path(url.database or ""))
    return (
        _engine(url, file, "BEGIN IMMEDIATE", lambda: _open_for_writing(file.path, pragmas)),
        _engine(url, file, "BEGIN", lambda: _open_for_reading(file)),
    )


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
        for pragma in (f"journal_size_limit={LOG_LIMIT}", *pragmas, *commit_lock.PRAGMAS):
            connection.execute(f"PRAGMA {pragma}")
    return connection


def _open_for_reading(file: StoreFile) -> sqlite3.Connection:
    roll_back_journal(file.path)
    connection = connect(file.path, "mode=ro")
    with closed_on_failure(connection):
        try:
            is_ours(connection, file.path)
            file.frozen = None
        except sqlite3.OperationalError:
            if not is_frozen(file.path):
                raise
            connection.close()
            return _open_frozen(file)
    return connection


def _open_frozen(file: StoreFile) -> sqlite3.Connection:
    # SQLite makes a file for its locks even to read, unless it is told that nobody writes.
    file.frozen = fingerprint(file.path)
    connection = connect(file.path, "immutable=1")
    with closed_on_failure(connection):
        is_ours(connection, file.path)
    _log.info(
        "%s is read without locks (immutable), because it or its folder cannot be written to",
        file.path,
    )
    return connection


def _engine(
    url: URL, file: StoreFile, begin: str, creator: Callable[[], sqlite3.Connection]
) -> Engine:
    def open_file() -> sqlite3.Connection:
        forks.refuse_if_inherited(file.path)
        file.refuse_if_replaced()
        connection = creator()
        with closed_on_failure(connection):
            file.refuse_if_replaced()
        return connection

    # No limit to the pool: a thread that needs a connection should wait for the database, which it
    # is told about, and not for another thread.
    engine = create_engine(
        url, creator=open_file, poolclass=QueuePool, max_overflow=-1, hide_parameters=True
    )
    guard(engine, reads=begin == "BEGIN")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        try:
            file.refuse_if_replaced()
        except StoreError:
            connection.invalidate()
            engine.pool.dispose()
            raise
        with noted(f"another process that is writing to {file.path}"):
            connection.exec_driver_sql(begin)

    @event.listens_for(engine, "checkout")
    def connect_again_if_thawed(*_: object) -> None:
        file.refuse_if_thawed()

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

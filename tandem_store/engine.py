"""How a database is opened: the only module that speaks PRAGMA, SET and BEGIN.

Two engines for one database, because reading code shall not be able to write: ``write`` takes the
write lock as a transaction begins, ``read`` opens the same database read-only.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Insert,
    QueuePool,
    Table,
    cast,
    create_engine,
    event,
    extract,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection

from tandem_store.address import DEFAULT_SCHEMA as DEFAULT_SCHEMA
from tandem_store.address import are_same as are_same
from tandem_store.address import database_url as database_url
from tandem_store.address import is_absent as is_absent
from tandem_store.address import schema_of as schema_of
from tandem_store.address import shown as shown
from tandem_store.address import sqlite_path as sqlite_path
from tandem_store.bulk import offer_copy
from tandem_store.errors import NotAStoreError, StoreError
from tandem_store.failures import translate as translate
from tandem_store.failures import translating as translating
from tandem_store.locking import exclusive as exclusive
from tandem_store.locking import exclusive_session

#: ``TSto``, in the header of every SQLite file of ours.
APPLICATION_ID: Final = 0x5453746F
#: Bytes. 16 KB pages insert 1.75 times as fast as SQLite's 4 KB, for the size of our documents.
PAGE_SIZE: Final = 16_384
#: How long a statement waits for another process, in seconds.
BUSY_TIMEOUT_S: Final = 30
#: How many prepared statements a connection keeps: some for each month, of which there are many.
_STATEMENTS: Final = 1_024

#: Not ``now()``, which stands still for the length of a transaction.
_SERVER_CLOCK: Final = select(cast(extract("epoch", func.clock_timestamp()) * 1_000, BigInteger))

Synchronous = Literal["OFF", "NORMAL", "FULL"]


class Engines(NamedTuple):
    """The two ways into one database."""

    write: Engine
    read: Engine

    def dispose(self) -> None:
        """Close every pooled connection of both."""
        # The last connection to an SQLite file folds its write-ahead log in; a reader may not.
        self.read.dispose()
        self.write.dispose()


@contextmanager
def filling_alone(url: URL, *, busy: str) -> Iterator[None]:
    """Keep imports and copies away from a store, which need not exist yet.

    Raises ``StoreLockedError`` with the sentence ``busy`` if one is at work.
    """
    path = sqlite_path(url)
    if path is not None:
        with exclusive(Path(f"{path}.import.lock"), patience_s=0, busy=busy):
            yield
        return
    engine = _postgresql(url, read_only=False)
    try:
        # The lock of an import, so that each keeps the other away.
        with translating(), exclusive_session(engine, f"import {schema_of(url)}", busy=busy):
            yield
    finally:
        engine.dispose()


def number_on(connection: Connection, tables: Iterable[Table]) -> None:
    """Let made-up keys go on behind the greatest, after rows were inserted with theirs."""
    if connection.dialect.name == "sqlite":
        return  # It always takes the number behind the greatest.
    for table in tables:
        if (column := table.autoincrement_column) is not None:
            greatest = func.max(column)
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(
                select(func.setval(sequence, greatest)).having(greatest.is_not(None))
            )


def create_engines(
    text: str | URL, *, synchronous: Synchronous = "NORMAL", foreign_keys: bool = True
) -> Engines:
    """Both engines for a database; nothing is opened or created before the first connection.

    ``synchronous`` and ``foreign_keys`` are SQLite's. ``OFF`` survives a killed process but not a
    power cut; without foreign keys a migration may rebuild a table that others refer to.

    Raises:
        StoreError: the URL is refused, or the PostgreSQL driver is not installed.
    """
    url = database_url(text)
    path = sqlite_path(url)
    if path is None:
        return Engines(_postgresql(url, read_only=False), _postgresql(url, read_only=True))
    pragmas = (f"synchronous={synchronous}", f"foreign_keys={'ON' if foreign_keys else 'OFF'}")
    return Engines(
        _sqlite(url, "BEGIN IMMEDIATE", lambda: _open_for_writing(path, pragmas)),
        _sqlite(url, "BEGIN", lambda: _open_for_reading(path)),
    )


def insert_unless_there(connection: Connection, table: Table) -> Insert:
    """An INSERT that leaves out rows whose key is taken, also by a writer that was quicker."""
    # SQLAlchemy has no common spelling for it.
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


# SQLite


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


def now_ms(connection: Connection) -> int:
    """Milliseconds since 1970, by the one clock that everybody who uses the database shares.

    A lease must not end early for a worker whose machine's clock is behind, so a server is asked.
    An SQLite file is on one machine.
    """
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1_000_000
    return connection.execute(_SERVER_CLOCK).scalar_one()


def broken_references(connection: Connection) -> list[str]:
    """The tables whose rows refer to rows that are not there; for SQLite after a migration."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return sorted({str(row[0]) for row in rows})


def _connect(path: Path, mode: Literal["rw", "ro"]) -> sqlite3.Connection:
    # The driver never begins a transaction by itself (isolation_level=None): its own idea of when
    # to begin loses updates. The engine's begin event does. A pool may hand a connection to another
    # thread, one at a time, hence check_same_thread=False.
    if not path.exists():
        raise StoreError(f"There is no database at {path}. Make it with: tandem-store db upgrade")
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
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


def _sqlite(url: URL, begin: str, creator: Callable[[], sqlite3.Connection]) -> Engine:
    # No limit to the pool: a thread that needs a connection should wait for the database, which it
    # is told about, and not for another thread.
    engine = create_engine(url, creator=creator, poolclass=QueuePool, max_overflow=-1)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


# PostgreSQL


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    try:
        # No limit to the pool: a transaction takes a second connection to make a month, and if all
        # of them did so at once, each would wait for the others to give one back. Connections are
        # tried before use: those from before a restart of the server are replaced unnoticed.
        engine = create_engine(
            url.difference_update_query(["schema"]), max_overflow=-1, pool_pre_ping=True
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "The PostgreSQL driver is not installed. Run: pip install 'tandem-store[postgres]'"
        ) from error
    quoted = engine.dialect.identifier_preparer.quote_identifier(schema_of(url))
    statements = [f"SET search_path TO {quoted}", f"SET lock_timeout = '{BUSY_TIMEOUT_S}s'"]
    if read_only:
        # Otherwise a run that moves to another month between two statements has no document.
        statements.append(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )

    # First of the listeners, because SQLAlchemy's own asks for the default schema.
    @event.listens_for(engine, "connect", insert=True)
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.autocommit = False

    offer_copy(engine)
    return engine

"""An SQLite file and the files beside it: created, checked, and repaired after a kill."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.database import forks, waiting
from tandem_store.database.error_translation import translating
from tandem_store.database.locks import commit_lock
from tandem_store.database.urls import sqlite_path
from tandem_store.errors import NotAStoreError, StoreError

#: ``TSto``, in the header of every SQLite file of ours.
APPLICATION_ID: Final = 0x5453746F
#: Bytes. 16 KB pages insert 1.75 times as fast as SQLite's 4 KB, for the size of our documents.
PAGE_SIZE: Final = 16_384
#: Bytes that the write-ahead log may keep after a checkpoint: twice as much as it has when SQLite
#: makes one by itself.
LOG_LIMIT: Final = 2 * 1_000 * PAGE_SIZE
#: How many prepared statements a connection keeps: there are some for each of many months.
_STATEMENTS: Final = 1_024
#: Endings of the files that SQLite keeps beside a database.
_BESIDE: Final = ("-journal", "-wal", "-shm")

#: Bytes, and nanoseconds since 1970.
SizeAndTime = tuple[int, int]


def connect(path: Path, how: str) -> commit_lock.CommittingConnection:
    """Return a bare connection to a file that exists; ``how`` are SQLite's URI parameters.

    Raises ``StoreError`` if there is no file, or the parent of this process had it open at the
    fork.
    """
    # The driver never begins a transaction by itself (isolation_level=None): its own idea of when
    # to begin loses updates. The engine's begin event does. A pool may hand a connection to another
    # thread, one at a time, hence check_same_thread=False.
    forks.refuse_if_inherited(path)
    if not path.exists():
        raise StoreError(f"There is no database at {path}. Make it with: tandem-store db upgrade")
    connection = sqlite3.connect(
        f"{path.as_uri()}?{how}",
        uri=True,
        timeout=waiting.BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
        factory=commit_lock.CommittingConnection,
    )
    connection.track(path)
    if how == "mode=rw" and commit_lock.IS_NEEDED:
        connection.commit_lock = commit_lock.lock_file(path)
    return connection


@contextmanager
def closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    """Close the connection if the block fails."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the file is marked as ours; False if it has no tables and may become ours.

    Raises ``NotAStoreError`` if it belongs to another program.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id == APPLICATION_ID:
        return True
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        raise NotAStoreError(f"{path} is an SQLite database of another program; name another file.")
    return False


@contextmanager
def to_be_upgraded(url: URL) -> Iterator[URL]:
    """Yield the URL of the database to migrate: the one that ``url`` names, or a new file for it.

    A new SQLite file is created under another name and renamed when the block ends, so that a
    process that is killed leaves no part of it behind. Only its owner may read it, from its first
    byte on. It replaces an empty file; one without tables is changed in place. The caller holds the
    upgrade lock.

    Raises:
        NotAStoreError: the file holds something else.
        StoreError: the folder is missing or not writable.
    """
    path = sqlite_path(url)
    if path is None:
        yield url
        return
    # The target of a link, which stays a link.
    path = Path(os.path.realpath(path))
    if path.exists() and path.stat().st_size:
        roll_back_journal(path)
        _become_ours(path)
        yield url
        return
    new = path.with_name(f".{path.name}.unfinished")
    _remove(new)
    try:
        create(new)
    except OSError as error:
        raise StoreError(f"Cannot make {path}: {error.strerror}.") from error
    try:
        yield url.set(database=str(new))
        _rename(new, path)
    finally:
        _remove(new)


def create(path: Path, *, page_size: int = PAGE_SIZE) -> None:
    """Create a file without tables that is marked as ours, and that only its owner may read."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    _become_ours(path, page_size)


def roll_back_journal(path: Path) -> None:
    """Roll back the transaction of a process that was killed; a read-only connection cannot."""
    journal = _beside(path, "-journal")
    if journal.exists() and _may_write(path):
        with translating(), closing(connect(path, "mode=rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def truncate_large_log(path: Path) -> None:
    """Checkpoint and truncate the write-ahead log if it is large and nobody is using it.

    A long reading transaction lets it grow, and perhaps no writer comes after it who truncates it.
    """
    if log_size(path) > LOG_LIMIT and _may_write(path):
        with suppress(sqlite3.Error, StoreError), closing(connect(path, "mode=rw")) as connection:
            connection.execute("PRAGMA busy_timeout=0")
            with connection.lock_out_commits():
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def log_size(path: Path) -> int:
    """Return the bytes in the write-ahead log beside the file."""
    return _size(_beside(path, "-wal"))


def needs_no_locks(path: Path) -> bool:
    """Return whether this process may write neither to the file nor beside it, and has no need to.

    That is so if nothing is waiting in a write-ahead log or a journal.
    """
    if _may_write(path) and _may_write(path.parent):
        return False
    return log_size(path) == _size(_beside(path, "-journal")) == 0


def size_and_time(path: Path) -> SizeAndTime:
    """Return the size and the time of change of a file, which a write to the file changes."""
    now = path.stat()
    return now.st_size, now.st_mtime_ns


def _become_ours(path: Path, page_size: int = PAGE_SIZE) -> None:
    with translating(), closing(connect(path, "mode=rw")) as connection:
        if is_ours(connection, path):
            return
        with suppress(PermissionError):
            path.chmod(0o600)
        # VACUUM writes the first page; the others count only before it exists.
        connection.execute(f"PRAGMA page_size={page_size}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("VACUUM")


def _rename(new: Path, path: Path) -> None:
    if log_size(new):
        # The checkpoint raises what prevented it before, such as a full disk.
        with translating(), closing(connect(new, "mode=rw")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if log_size(new):
        raise StoreError(f"{new} is in use by another program. Run the same command again.")
    with suppress(FileNotFoundError, PermissionError):
        # The owner of the empty file is the one who will use it.
        before = path.stat()
        os.chown(new, before.st_uid, before.st_gid)
    new.replace(path)


def _remove(path: Path) -> None:
    for file in (path, *(_beside(path, ending) for ending in _BESIDE), commit_lock.lock_file(path)):
        file.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    # SQLite names them by the file that a link leads to.
    return Path(f"{os.path.realpath(path)}{ending}")


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

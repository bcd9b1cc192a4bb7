"""An SQLite file and what lies beside it: made whole or not at all, and put in order again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.database import commit_lock, write_queue
from tandem_store.database.error_translation import translating
from tandem_store.database.urls import sqlite_path
from tandem_store.errors import NotAStoreError, StoreError

#: ``TSto``, in the header of every SQLite file of ours.
APPLICATION_ID: Final = 0x5453746F
#: Bytes. 16 KB pages insert 1.75 times as fast as SQLite's 4 KB, for the size of our documents.
PAGE_SIZE: Final = 16_384
#: Bytes that the write-ahead log may keep once it is folded in: twice as much as it takes before
#: SQLite does so by itself.
LOG_LIMIT: Final = 2 * 1_000 * PAGE_SIZE
#: How many prepared statements a connection keeps: some for each month, of which there are many.
_STATEMENTS: Final = 1_024
#: What SQLite keeps beside a file.
_BESIDE: Final = ("-journal", "-wal", "-shm")

#: Size and time of change.
Fingerprint = tuple[int, int]


def connect(path: Path, how: str) -> commit_lock.Committing:
    """A bare connection to a file that exists; ``how`` are SQLite's URI parameters.

    Raises ``StoreError`` if there is none.
    """
    # The driver never begins a transaction by itself (isolation_level=None): its own idea of when
    # to begin loses updates. The engine's begin event does. A pool may hand a connection to another
    # thread, one at a time, hence check_same_thread=False.
    if not path.exists():
        raise StoreError(f"There is no database at {path}. Make it with: tandem-store db upgrade")
    connection = sqlite3.connect(
        f"{path.as_uri()}?{how}",
        uri=True,
        timeout=write_queue.BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
        factory=commit_lock.Committing,
    )
    if how == "mode=rw" and commit_lock.IS_NEEDED:
        connection.commit_lock = commit_lock.lock_of(path)
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
    """Whether the file is marked as ours; False for one without tables, which may become ours.

    Raises ``NotAStoreError`` if it is another program's.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id == APPLICATION_ID:
        return True
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        raise NotAStoreError(f"{path} is an SQLite database of another program; name another file.")
    return False


@contextmanager
def made_whole(url: URL) -> Iterator[URL]:
    """Where to make the tables: in the database that ``url`` names, or one that takes its place.

    A new SQLite file is made beside its place and moved there when the block ends, so that a
    process that is killed leaves no part of it. It is readable by its owner alone before it has a
    first byte. An empty file is replaced by it; one without tables becomes ours where it is. The
    caller holds the upgrade lock.

    Raises:
        NotAStoreError: the file holds something else.
        StoreError: the folder is missing or not writable.
    """
    path = sqlite_path(url)
    if path is None:
        yield url
        return
    # Where a link leads to: it shall stay a link.
    path = Path(os.path.realpath(path))
    if path.exists() and path.stat().st_size:
        roll_back_journal(path)
        _become_ours(path)
        yield url
        return
    made = path.with_name(f".{path.name}.unfinished")
    _remove(made)
    try:
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"Cannot make {path}: {error.strerror}.") from error
    try:
        _become_ours(made)
        yield url.set(database=str(made))
        _move(made, path)
    finally:
        _remove(made)


def roll_back_journal(path: Path) -> None:
    """Undo what a process left half-done when it was killed; a read-only connection cannot."""
    journal = _beside(path, "-journal")
    if journal.exists() and _may_write(path):
        with translating(), closing(connect(path, "mode=rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def fold_in(path: Path) -> None:
    """Write a large write-ahead log into the file and cut it off, if nobody is using it.

    A reader that stays for long lets it grow, and then nobody may be left who cuts it off.
    """
    if log_size(path) > LOG_LIMIT and _may_write(path):
        with suppress(sqlite3.Error, StoreError), closing(connect(path, "mode=rw")) as connection:
            connection.execute("PRAGMA busy_timeout=0")
            with connection.commits_alone():
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def log_size(path: Path) -> int:
    """Bytes in the write-ahead log beside the file."""
    return _size(_beside(path, "-wal"))


def is_frozen(path: Path) -> bool:
    """Whether the file is complete by itself, and this process may not write to it or beside it."""
    if _may_write(path) and _may_write(path.parent):
        return False
    return log_size(path) == _size(_beside(path, "-journal")) == 0


def fingerprint(path: Path) -> Fingerprint:
    """What tells a file from the same one after it was written to."""
    now = path.stat()
    return now.st_size, now.st_mtime_ns


def _become_ours(path: Path) -> None:
    with translating(), closing(connect(path, "mode=rw")) as connection:
        if is_ours(connection, path):
            return
        with suppress(PermissionError):
            path.chmod(0o600)
        # VACUUM writes the first page; the others count only before it exists.
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("VACUUM")


def _move(made: Path, path: Path) -> None:
    if log_size(made):
        # What keeps it from being folded in, such as a full disk, is told by doing it.
        with translating(), closing(connect(made, "mode=rw")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if log_size(made):
        raise StoreError(f"{made} is in use by another program. Run the same command again.")
    with suppress(FileNotFoundError, PermissionError):
        # Whoever made the empty file is to use it.
        before = path.stat()
        os.chown(made, before.st_uid, before.st_gid)
    made.replace(path)


def _remove(path: Path) -> None:
    for file in (path, *(_beside(path, ending) for ending in _BESIDE), commit_lock.lock_of(path)):
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

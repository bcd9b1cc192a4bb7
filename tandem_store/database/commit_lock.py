"""Commits that keep out of the way of other processes' checkpoints.

Note [Checkpoints of old libraries]

SQLite before 3.51.3 has a race: a checkpoint reads where the write-ahead log ends; another process
commits and thereby begins the log anew; the checkpoint then notes pages of the new log as copied
that it has never seen, and they are lost. A checkpoint runs at the end of a COMMIT, and the log is
begun anew by the first page that is written to it, which is in COMMIT, too, if nothing is written
before (``cache_spill``). So a lock around COMMIT keeps the two apart. It is a file beside the
database, because closing any other descriptor of the database itself would drop SQLite's locks.
docs/internals/adr/0012 has the measurements. A checkpoint that closes the last connection is alone
anyway.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Final

from tandem_store.database import write_queue
from tandem_store.database.integrity import has_wal_reset_bug
from tandem_store.errors import StoreLockedError

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where nothing is done.
    _HAS_LOCKS: Final = False
else:
    _HAS_LOCKS: Final = True  # type: ignore[misc]

#: Whether the library in use needs it.
IS_NEEDED: Final = _HAS_LOCKS and has_wal_reset_bug()
#: For a connection that shall write nothing to the log before COMMIT.
PRAGMAS: Final = ("cache_spill=OFF",) if IS_NEEDED else ()
#: Seconds between two looks at the lock: the first and the longest.
_FIRST_S, _LONGEST_S = 0.000_2, 0.005


_log: Final = logging.getLogger(__name__)


@cache
def note_library() -> None:
    """Log once, at INFO, that the linked SQLite can lose committed writes, and what to do."""
    if has_wal_reset_bug():
        _log.info(
            "SQLite %s can lose committed writes when several processes write to one file%s. "
            "Link Python with 3.51.3 or newer; tandem-store doctor says more.",
            sqlite3.sqlite_version,
            "; tandem-store's own are kept apart by a lock" if IS_NEEDED else "",
        )


def lock_of(path: Path) -> Path:
    """The empty file whose lock is held while a transaction on the database is committed."""
    return Path(f"{path}.commit.lock")


class Committing(sqlite3.Connection):
    """A connection that commits, and so checkpoints, while no other process does either."""

    #: The file of ``lock_of``; set by whoever opens the connection.
    commit_lock: Path | None = None

    def commit(self) -> None:
        """Commit, after the commits of others.

        Raises ``StoreLockedError`` after 30 seconds; the transaction can be committed again.
        """
        with self.commits_alone() if self.in_transaction else nullcontext():
            super().commit()

    def commits_alone(self) -> AbstractContextManager[None]:
        """Keep other processes from committing, for a checkpoint as well."""
        return nullcontext() if self.commit_lock is None else alone(self.commit_lock)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file; the system lets go of it if the process is killed."""
    descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o600)
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    deadline, pause = time.monotonic() + write_queue.BUSY_TIMEOUT_S, _FIRST_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreLockedError(
                    "Another process is committing to the database for 30 seconds. Find out what "
                    "holds it up, then do the whole transaction again."
                ) from None
        else:
            return
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_S)

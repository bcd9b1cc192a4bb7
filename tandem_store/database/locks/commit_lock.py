"""A lock around COMMIT, for SQLite libraries that lose commits during another's checkpoint.

Note [Checkpoints of old libraries]

SQLite before 3.51.3 has a race: a checkpoint reads where the write-ahead log ends; another process
commits and restarts the log from its beginning; the checkpoint then records pages of the new log as
copied that it has never seen, and they are lost. A checkpoint runs at the end of a COMMIT, and the
log is restarted by the first page that is written to it, which happens in COMMIT as well if nothing
is written before (``cache_spill``). So a lock around COMMIT keeps the two apart. It is a file
beside the database, because closing any other descriptor of the database itself would drop SQLite's
locks. docs/internals/adr/0012 has the measurements. The checkpoint that closes the last connection
needs no lock: no other process has the file open then.
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

from tandem_store.database import waiting
from tandem_store.database.forks import TrackedConnection
from tandem_store.database.integrity import has_wal_reset_bug
from tandem_store.errors import StoreLockedError

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where no lock is taken.
    _HAS_LOCKS: Final = False
else:
    _HAS_LOCKS: Final = True  # type: ignore[misc]

#: Whether the linked library needs the lock.
IS_NEEDED: Final = _HAS_LOCKS and has_wal_reset_bug()
#: Settings of a connection that must not write to the log before COMMIT.
PRAGMAS: Final = ("cache_spill=OFF",) if IS_NEEDED else ()
#: Seconds between two attempts: the first pause and the longest.
_FIRST_S, _LONGEST_S = 0.000_2, 0.005

_log: Final = logging.getLogger(__name__)


@cache
def log_affected_library() -> None:
    """Log once, at INFO, that the linked SQLite can lose committed writes, and what to do."""
    if has_wal_reset_bug():
        _log.info(
            "SQLite %s can lose committed writes when several processes write to one file%s. "
            "Link Python with 3.51.3 or newer; tandem-store doctor says more.",
            sqlite3.sqlite_version,
            "; tandem-store's own are kept apart by a lock" if IS_NEEDED else "",
        )


def lock_file(path: Path) -> Path:
    """Return the empty file whose lock is held while a transaction on the database commits."""
    return Path(f"{path}.commit.lock")


class CommittingConnection(TrackedConnection):
    """A connection that holds the lock while it commits, and so while it checkpoints."""

    #: The file of ``lock_file``; None where no lock is needed.
    commit_lock: Path | None = None

    def commit(self) -> None:
        """Commit when no other process does.

        Raises ``StoreLockedError`` after 30 seconds; the transaction can still be committed.
        """
        with self.lock_out_commits() if self.in_transaction else nullcontext():
            super().commit()

    def lock_out_commits(self) -> AbstractContextManager[None]:
        """Keep other processes from committing for the duration of the block.

        An explicit checkpoint needs that, too.
        """
        return nullcontext() if self.commit_lock is None else hold(self.commit_lock)


@contextmanager
def hold(lock: Path) -> Iterator[None]:
    """Hold a lock file; the system releases it if the process is killed.

    Not ``files.file_lock``: this one is taken at every commit, and costs a tenth.

    Raises ``StoreLockedError`` after 30 seconds.
    """
    descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int) -> None:
    deadline, pause = time.monotonic() + waiting.BUSY_TIMEOUT_S, _FIRST_S
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

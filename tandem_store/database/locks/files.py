"""Lock files: one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tandem_store.database.waiting import LogLongWait
from tandem_store.errors import StoreError, StoreLockedError


@contextmanager
def file_lock(path: Path, *, patience_s: float, busy: str) -> Iterator[None]:
    """Hold a lock file, which is made if it is missing; waits up to ``patience_s`` seconds for it.

    The system releases the lock when the process ends, however it ends.

    Raises:
        StoreLockedError: another process still holds it, with the sentence ``busy``.
        StoreError: the folder is missing or not writable.
    """
    try:
        # The lock library would retry endlessly where no file can be made.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"The folder {path.parent} must exist and be writable: {error.strerror}."
        ) from error
    lock = FileLock(path, timeout=patience_s)
    try:
        with LogLongWait(f"the lock {path}"):
            lock.acquire()
    except Timeout as error:
        raise StoreLockedError(busy) from error
    try:
        yield
    finally:
        lock.release()

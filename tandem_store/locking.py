"""Locks beside an SQLite file, for what no lock inside the database can guard.

The lock files are empty, stay where they are, and belong to whoever may write to the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tandem_store.errors import StoreError, StoreLockedError


@contextmanager
def exclusive(lock: Path, *, patience_s: float, busy: str) -> Iterator[None]:
    """Hold a lock file; waits up to ``patience_s`` seconds for another process to let go of it.

    Raises:
        StoreLockedError: it did not, with the sentence ``busy``.
        StoreError: the folder is missing or not writable.
    """
    try:
        # A lock library would try again and again where no file can be made.
        os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"The folder {lock.parent} must exist and be writable: {error.strerror}."
        ) from error
    try:
        with FileLock(lock, timeout=patience_s):
            yield
    except Timeout as error:
        raise StoreLockedError(busy) from error

"""Locks for what no lock inside a transaction can guard.

Beside an SQLite file: empty lock files that stay where they are and belong to whoever may write to
the folder. On a PostgreSQL server: advisory locks of a session, which end with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select

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


@contextmanager
def exclusive_session(connection: Connection, key: tuple[int, int], *, busy: str) -> Iterator[None]:
    """Hold an advisory lock of the server as long as the block lasts; never waits.

    The connection must be in autocommit and do nothing else meanwhile. Raises ``StoreLockedError``
    with the sentence ``busy`` if another session holds the lock.
    """
    if not connection.scalar(select(func.pg_try_advisory_lock(*key))):
        raise StoreLockedError(busy)
    try:
        yield
    finally:
        connection.execute(select(func.pg_advisory_unlock(*key)))

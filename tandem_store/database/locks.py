"""Locks for what lasts longer than a transaction.

Beside an SQLite file they are files, empty, that stay where they are and belong to whoever may
write to the folder. On PostgreSQL they are advisory locks, held by a session of their own.
"""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, func, select

from tandem_store.errors import StoreError, StoreLockedError

#: The first half of our advisory locks, ``TSto``; the second tells them apart.
_SPACE: Final = 0x5453746F
#: Seconds that the session of a process that was killed may take to end.
_LINGERING_S: Final = 3.0
_POLL_S: Final = 0.1
#: What a session must be told that does nothing for hours and shall not be ended for it.
_PATIENT: Final = {"idle_session_timeout": "0", "tcp_keepalives_idle": "60"}
#: Longer waits are logged, in seconds.
NOTABLE_S: Final = 1.0

_log: Final = logging.getLogger(__name__)


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Log how long the block waited for ``what``, if that was over a second."""
    began = time.monotonic()
    try:
        yield
    finally:
        if (waited := time.monotonic() - began) > NOTABLE_S:
            _log.info("waited %.1f s for %s", waited, what)


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
    held = FileLock(lock, timeout=patience_s)
    try:
        with noted(f"the lock {lock}"):
            held.acquire()
    except Timeout as error:
        raise StoreLockedError(busy) from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def exclusive_session(engine: Engine, name: str, *, busy: str) -> Iterator[None]:
    """Hold an advisory lock of a PostgreSQL database, by a connection that does nothing else.

    The server lets go of it when the connection ends, so also when this process is killed.

    Raises ``StoreLockedError`` with the sentence ``busy`` when another session holds it.
    """
    # No transaction: one that stays open for hours would keep VACUUM from its work.
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        for setting, value in _PATIENT.items():
            connection.execute(select(func.set_config(setting, value, False)))
        _take(connection, name, busy)
        yield
    finally:
        # Closed, not given back: the lock goes with it, and a server that went away is not asked.
        connection.invalidate()
        connection.close()


def _take(connection: Connection, name: str, busy: str) -> None:
    key = zlib.crc32(name.encode()) - 2**31
    deadline = time.monotonic() + _LINGERING_S
    with noted(f"the advisory lock of {name!r}"):
        while not connection.scalar(select(func.pg_try_advisory_lock(_SPACE, key))):
            if time.monotonic() > deadline:
                raise StoreLockedError(busy)
            time.sleep(_POLL_S)

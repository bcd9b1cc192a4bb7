"""Advisory locks of PostgreSQL: their keys, and the two ways to hold one."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from tandem_store.database.waiting import LogLongWait
from tandem_store.errors import StoreLockedError

#: One 64-bit number or two 32-bit numbers, which PostgreSQL never takes for each other.
Key = tuple[int] | tuple[int, int]

#: ``TSmo``: held while month tables are made.
MONTHS: Final[Key] = (0x5453_6D6F,)
#: ``TSup``: held while Alembic changes the schema.
UPGRADE: Final[Key] = (0x5453_7570,)
#: ``TSto``: the first half of the keys that depend on a name.
_NAMED: Final = 0x5453_746F

#: Seconds between two attempts.
_POLL_S: Final = 0.1
#: Settings that keep an idle session alive that holds a lock for hours.
_STAY_CONNECTED: Final = {"idle_session_timeout": "0", "tcp_keepalives_idle": "60"}


def import_key(schema: str) -> Key:
    """Return the key that an import into, or a copy to, a schema holds."""
    return _named(f"import {schema}")


def months_key(schema: str) -> Key:
    """Return the key that is held by a job on months of a schema."""
    return _named(f"compact {schema}")


def _named(name: str) -> Key:
    return _NAMED, zlib.crc32(name.encode()) - 2**31


def lock_until_commit(connection: Connection, key: Key, what: str) -> None:
    """Wait for a lock, which is released at the end of the connection's transaction.

    The wait ends with the ``lock_timeout`` of the session.
    """
    with LogLongWait(what):
        connection.execute(select(func.pg_advisory_xact_lock(*key)))


@contextmanager
def session_lock(
    engine: Engine, key: Key, *, patience_s: float, busy: str, what: str
) -> Iterator[None]:
    """Hold a lock by a connection that does nothing else; waits up to ``patience_s`` seconds.

    The server releases it when the connection ends, so also when this process is killed. ``what``
    completes "waited 2.5 s for ..." in the log.

    Raises ``StoreLockedError`` with the sentence ``busy`` when another session still holds it.
    """
    # No transaction: one that stays open for hours would keep VACUUM from its work.
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        for setting, value in _STAY_CONNECTED.items():
            connection.execute(select(func.set_config(setting, value, False)))
        with LogLongWait(what):
            _acquire(connection, key, patience_s, busy)
        yield
    finally:
        # Closed, not returned to the pool: the lock goes with it, and a server that went away is
        # not asked.
        connection.invalidate()
        connection.close()


def _acquire(connection: Connection, key: Key, patience_s: float, busy: str) -> None:
    # Polled, because a session that waits inside PostgreSQL holds a snapshot, for which CREATE
    # INDEX CONCURRENTLY in the session that holds the lock would wait: a deadlock.
    deadline = time.monotonic() + patience_s
    while not connection.scalar(select(func.pg_try_advisory_lock(*key))):
        if time.monotonic() > deadline:
            raise StoreLockedError(busy)
        time.sleep(_POLL_S)

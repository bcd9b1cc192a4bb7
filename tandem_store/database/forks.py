"""Forks: what a child process must not use of its parent's connections.

Note [Forks]

Two processes that use one connection mix up its answers. And SQLite keeps, for each file that is
open, a record of the locks that the process holds. A child inherits the record but not the locks
(https://www.sqlite.org/howtocorrupt.html, section 2.6): it would wait forever for a lock that it
believes to hold itself, or write without one, also through connections that it opens itself. So:

* Before a fork, idle connections are closed. The parent opens new ones at its next transaction.
* A connection that is open all the same is in use by a transaction, of the forking thread or of
  another one. If it is one to an SQLite file, the child refuses to open that file, for good. On
  PostgreSQL the child opens connections of its own.
* A child that goes on with the parent's transaction is refused, and leaving the ``with`` block
  neither commits nor rolls back. The child keeps the parent's connections and never closes them:
  closing one ends the transaction in an SQLite file, or the session on a server.

Nobody waits: neither a fork for transactions nor a transaction for a fork.
"""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol
from weakref import WeakSet, WeakValueDictionary

from sqlalchemy import Connection, event

from tandem_store.errors import StoreError

#: Device and inode: the file, whatever it is called.
FileIdentity = tuple[int, int]

_INHERITED: Final = (
    "This process was forked in the middle of a transaction, so it cannot use the store. Start it "
    "as a fresh process (multiprocessing's spawn), or fork outside of transactions."
)
#: Where SQLAlchemy passes when a connection executes, commits, rolls back or makes a savepoint.
_USES: Final = ("before_cursor_execute", "commit", "rollback", "savepoint")


class Forkable(Protocol):
    """Something with connections that is to survive a fork."""

    def close_idle(self) -> None:
        """Close the connections that are not in use; called before a fork."""

    def begin_in_child(self) -> None:
        """Forget everything that belongs to the parent; called in the child."""


class TrackedConnection(sqlite3.Connection):
    """An SQLite connection that a forked child knows of while it is open."""

    #: The file, once ``track`` was called.
    file: FileIdentity | None = None

    def track(self, path: Path) -> None:
        """Note which file this is; called before the first statement, which takes a lock."""
        self.file = file_identity(path)
        _open_connections.add(self)

    def close(self) -> None:
        """Close the connection."""
        super().close()
        _open_connections.discard(self)


_open_connections: Final[WeakSet[TrackedConnection]] = WeakSet()
_survivors: Final[WeakValueDictionary[int, Forkable]] = WeakValueDictionary()
#: In a child: the SQLite files that its parent had in use, the parent's connections of either
#: driver, and everything that must not be freed.
_inherited_files: Final[set[FileIdentity]] = set()
_inherited_connections: Final[list[object]] = []
_kept: Final[list[object]] = []


def file_identity(path: Path) -> FileIdentity | None:
    """Return which file a path leads to, or None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # at every transaction: half as long as Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


def survive(one: Forkable) -> None:
    """Call the methods of ``Forkable`` at every fork for as long as the object exists."""
    _listen()
    _survivors[id(one)] = one


def refuse_if_inherited(path: Path) -> None:
    """Raise ``StoreError`` in a child that was forked while the SQLite file was in use."""
    if _inherited_files and file_identity(path) in _inherited_files:
        raise inherited_error()


def inherited_error() -> StoreError:
    """Return the error for a child that uses its parent's transaction."""
    return StoreError(_INHERITED)


def keep_unused(connection: Connection) -> None:
    """Keep a connection of the parent from being used or closed; called in the child."""
    keep(connection)
    if connection.closed or connection.invalidated:
        return
    _inherited_connections.append(connection.connection.dbapi_connection)
    for use in _USES:
        event.listen(connection, use, _refuse)


def keep(thing: object) -> None:
    """Keep a thing alive in the child: freeing it would close a connection of the parent."""
    _kept.append(thing)


def is_inherited(driver_connection: object) -> bool:
    """Return whether this is a child, and the connection is one that its parent was using."""
    return any(one is driver_connection for one in _inherited_connections)


def _refuse(*_: Any) -> NoReturn:
    raise inherited_error()


@cache
def _listen() -> None:
    if hasattr(os, "register_at_fork"):  # Windows has no forks.
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)


def _before_fork() -> None:
    for one in _all_survivors():
        one.close_idle()


def _after_fork_in_child() -> None:
    for connection in _open_connections:
        if connection.file is not None:
            _inherited_files.add(connection.file)
        keep(connection)
    _open_connections.clear()
    for one in _all_survivors():
        one.begin_in_child()
    if _inherited_files or _inherited_connections:
        # Python frees what it can when it exits, but not what refers to itself and was frozen.
        keep(_kept)
        gc.freeze()


def _all_survivors() -> Iterator[Forkable]:
    # A list of references: other threads may open stores in the meantime.
    for reference in list(_survivors.valuerefs()):
        if (one := reference()) is not None:
            yield one

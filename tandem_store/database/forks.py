"""Forks: what a child process must not inherit.

Note [Forks]

A connection that two processes use mixes up their answers. And SQLite keeps, for each file that is
open, a record of the locks that the process holds. A child inherits the record but not the locks
(https://www.sqlite.org/howtocorrupt.html, section 2.6): it would wait for ever for a lock that it
believes to hold itself, or write without one, also by connections that it opens itself. So:

* A fork waits for the transactions of other threads on SQLite files to end, and new ones wait for
  the fork. Then nothing is open but idle connections, which are closed; the parent opens new ones
  at its next transaction.
* If a transaction lasts for too long, or if it is the forking thread's own, the child is told so
  whenever it opens that file, for good. It had better end than work on broken locks.
* What the child has of a connection that was in use is replaced by something that refuses to do
  anything, so that a child that leaves the parent's ``with`` block does not end its transaction.
  That goes for PostgreSQL, too, where nothing else is needed.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any, Final, NoReturn

from sqlalchemy import Connection

from tandem_store.database.write_queue import this_thread
from tandem_store.errors import StoreError

#: Seconds that a fork waits for transactions to end.
PATIENCE_S: Final = 10

#: Device and inode: the file, whatever it is called.
Identity = tuple[int, int]

_INHERITED: Final = (
    "This process was forked in the middle of a transaction, so it cannot use the store. Start it "
    "as a fresh process (multiprocessing's spawn), or fork outside of transactions."
)


def identity(path: Path) -> Identity | None:
    """Which file a path leads to; None for none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # at every transaction: half as long as Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Gate:
    """Transactions on SQLite files go through it freely, and a fork only when there are none."""

    def __init__(self) -> None:
        # Entered by itself, because an interrupt between the two would leave a condition locked.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._forking: object | None = None
        #: The threads and files of the transactions.
        self._inside: dict[object, tuple[object, Path]] = {}
        self._broken: set[Identity] = set()

    def enter(self, who: object, path: Path) -> None:
        """Begin a transaction on the file, which ``who`` stands for; ``leave`` ends it."""
        me = this_thread()
        with self._lock:
            # Whoever is inside already must not wait for a fork that waits for them.
            while self._forking not in {None, me} and me not in self._threads():
                self._changed.wait()
            self._inside[who] = (me, path)

    def leave(self, who: object) -> None:
        """End it. May be done twice, and by another thread."""
        with self._lock:
            self._inside.pop(who, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for the transactions of other threads to end, and keep new ones out."""
        me, deadline = this_thread(), time.monotonic() + PATIENCE_S
        with self._lock:
            while self._forking is not None:
                self._changed.wait()
            self._forking = me
            while self._threads() - {me} and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def open(self) -> None:
        """Let transactions in again."""
        with self._lock:
            self._forking = None
            self._changed.notify_all()

    def open_in_child(self) -> None:
        """Begin anew, but for the files that were in use."""
        found = (identity(path) for _, path in self._inside.values())
        self._broken.update(file for file in found if file is not None)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._inside = {}
        self._forking = None

    def refuse_if_broken(self, path: Path) -> None:
        """Raise ``StoreError`` in a child that was forked while the file was in use."""
        if self._broken and identity(path) in self._broken:
            raise StoreError(_INHERITED)

    def _threads(self) -> set[object]:
        return {thread for thread, _ in self._inside.values()}


#: One for all stores, as SQLite's record of locks is the process's.
gate: Final = Gate()


def refuse_if_inherited(path: Path) -> None:
    """Raise ``StoreError`` in a child that was forked while the file was in use."""
    gate.refuse_if_broken(path)


class _Inherited:
    """Stands for a parent's connection, or for a cursor of it, and touches neither."""

    def cursor(self, *_: object, **__: object) -> _Inherited:
        return self

    def rollback(self) -> None:
        """Nothing: the transaction is the parent's."""

    def close(self) -> None:
        """Nothing: the connection is the parent's."""

    def __getattr__(self, _: str) -> NoReturn:
        raise StoreError(_INHERITED)


def abandon(connection: Connection) -> None:
    """Keep a child from using, and from closing, a connection of its parent's."""
    if connection.closed or connection.invalidated:
        return
    import ctypes

    proxied: Any = connection.connection
    # Never given back, because SQLite would roll back in the file as it closes.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(proxied.dbapi_connection))
    proxied.dbapi_connection = _Inherited()

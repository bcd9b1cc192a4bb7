"""The transactions on one database: the only place that begins and commits one.

They are safe across threads, each of which has transactions of its own, and after a fork: see
the note on forks.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from sqlalchemy import Connection

from tandem_store import partitions
from tandem_store.engine import Engines
from tandem_store.errors import StoreError
from tandem_store.month import Month


class Transactions:
    """Begins transactions on a database until it is closed.

    ``prepares``: whether the present month is seen to first, as whoever writes runs may need it.
    """

    def __init__(self, engines: Engines, *, prepares: bool = True) -> None:
        self._engines = engines
        self._prepares = prepares
        self._closed = False
        #: The month that was last seen to, so that it is asked for once a month, not every time.
        self._prepared: Month | None = None
        self._thread = threading.local()
        _survive_forks(self)

    @contextmanager
    def begin(self, *, prepare: bool = True) -> Iterator[Connection]:
        """A writing transaction; commits on clean exit, else rolls back.

        Without ``prepare`` the present month is not seen to, this time.

        Raises ``StoreError`` in a thread that has one already: on SQLite it would wait for itself.
        """
        self._refuse_if_closed()
        if getattr(self._thread, "writing", False):
            raise StoreError(
                "This thread is in the middle of a writing transaction of this store already. Pass "
                "its tx on instead of beginning another, or leave its with block first."
            )
        self._thread.writing = True
        try:
            with self._engines.write.begin() as connection:
                if prepare and self._prepares:
                    self._prepare(connection)
                yield connection
        finally:
            self._thread.writing = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that cannot write."""
        self._refuse_if_closed()
        with self._engines.read.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; nothing can be begun afterwards. Closing twice does nothing."""
        self._closed = True
        self._engines.dispose()

    def close_idle(self) -> None:
        """Close the connections that nobody is using; new ones are made when they are needed."""
        # The pools stay: one that is replaced closes nothing that comes back to it later.
        for one in self._engines:
            one.pool.dispose()

    def abandon_connections(self) -> None:
        """Forget all connections without touching them: they are the parent process's."""
        for one in self._engines:
            one.dispose(close=False)

    def _prepare(self, connection: Connection) -> None:
        present = Month.of_ms(time.time_ns() // 1_000_000)
        if present != self._prepared:
            partitions.prepare(connection, present)
            self._prepared = present

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("The store is closed. Open it again with open_store.")


# Note on forks
#
# A connection that two processes use mixes up their answers, and an SQLite file that is open during
# a fork can be corrupted even if the child only closes it
# (https://www.sqlite.org/howtocorrupt.html, section 2.6). So idle connections are closed in the
# parent just before a fork, which costs it a new connection at its next transaction, and the child
# forgets the others without closing them. What this cannot help is a fork in the middle of a
# transaction of the same thread, whose child must not leave the ``with`` block.

_open: Final[weakref.WeakSet[Transactions]] = weakref.WeakSet()


@cache
def _listen_to_forks() -> None:
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)


def _survive_forks(transactions: Transactions) -> None:
    _listen_to_forks()
    _open.add(transactions)


def _before_fork() -> None:
    for transactions in list(_open):
        transactions.close_idle()


def _after_fork_in_child() -> None:
    for transactions in list(_open):
        transactions.abandon_connections()

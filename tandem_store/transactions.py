"""The transactions on one database: the only place that begins and commits one.

They are safe across threads, each of which has transactions of its own, and after a fork: see
Note [Forks] in ``engine.forks``.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Final

from sqlalchemy import Connection, Engine

from tandem_store import partitions
from tandem_store.engine import Engines, forks, sqlite_path
from tandem_store.engine.waiting import Turns
from tandem_store.errors import StoreError
from tandem_store.month import Month


class Transactions:
    """Begins transactions on a database until it is closed.

    ``prepares``: whether the present month is seen to first, as whoever writes runs may need it.
    """

    def __init__(self, engines: Engines, *, prepares: bool = True) -> None:
        self._engines = engines
        self._prepares = prepares
        self._path = sqlite_path(engines.write.url)
        self._closed = False
        #: The month that was last seen to, so that it is asked for once a month, not every time.
        self._prepared: Month | None = None
        #: The threads that a writing transaction was begun in. It may end in another.
        self._writing: set[int] = set()
        self._used: set[Connection] = set()
        self._turns = Turns()
        _survive_forks(self)

    @contextmanager
    def begin(self, *, prepare: bool = True) -> Iterator[Connection]:
        """A writing transaction; commits on clean exit, else rolls back.

        Without ``prepare`` the present month is not seen to, this time.

        Raises ``StoreError`` in a thread that has one already: on SQLite it would wait for itself.
        """
        self._refuse_if_closed()
        thread, writing = threading.get_ident(), self._writing
        if thread in writing:
            raise StoreError(
                "This thread is in the middle of a writing transaction of this store already. Pass "
                "its tx on instead of beginning another, or leave its with block first."
            )
        writing.add(thread)
        try:
            with (
                self._held_open(),
                self._turn(),
                self._connected(self._engines.write) as connection,
                connection.begin(),
            ):
                if prepare and self._prepares:
                    self._prepare(connection)
                yield connection
        finally:
            writing.discard(thread)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that cannot write."""
        self._refuse_if_closed()
        with self._held_open(), self._connected(self._engines.read) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; nothing can be begun afterwards. Closing twice does nothing.

        Those of a transaction that is going on are closed when it ends.
        """
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that nobody is using; new ones are made when they are needed."""
        # The pools stay: one that is replaced closes nothing that comes back to it later. The last
        # connection to an SQLite file folds its write-ahead log in; a reader may not.
        self._engines.read.pool.dispose()
        self._engines.write.pool.dispose()

    def begin_in_child(self) -> None:
        """Forget all connections without touching them: they are the parent process's."""
        for connection in self._used:
            forks.abandon(connection)
        for one in self._engines:
            one.dispose(close=False)
        self._writing, self._used, self._turns = set(), set(), Turns()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.connect() as connection:
                used = self._used
                used.add(connection)
                try:
                    yield connection
                finally:
                    used.discard(connection)
        finally:
            if self._closed:
                self.close_idle()

    def _held_open(self) -> AbstractContextManager[None]:
        return nullcontext() if self._path is None else forks.gate.held_open(self._path)

    def _turn(self) -> AbstractContextManager[None]:
        return nullcontext() if self._path is None else self._turns.one()

    def _prepare(self, connection: Connection) -> None:
        present = Month.of_ms(time.time_ns() // 1_000_000)
        if present != self._prepared:
            partitions.prepare(connection, present)
            self._prepared = present

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("The store is closed. Open it again with open_store.")


_open: Final[weakref.WeakSet[Transactions]] = weakref.WeakSet()


@cache
def _listen_to_forks() -> None:
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
        os.register_at_fork(
            before=_before_fork,
            after_in_parent=forks.gate.open,
            after_in_child=_after_fork_in_child,
        )


def _survive_forks(transactions: Transactions) -> None:
    _listen_to_forks()
    _open.add(transactions)


def _before_fork() -> None:
    forks.gate.close()
    for transactions in list(_open):
        transactions.close_idle()


def _after_fork_in_child() -> None:
    forks.gate.open_in_child()
    for transactions in list(_open):
        transactions.begin_in_child()

"""The transactions on one database: the only place that begins and commits one.

They are safe across threads, each of which has transactions of its own, and after a fork: see
Note [Forks] in ``database.forks``.

Note [Interrupts]

Ctrl-C raises ``KeyboardInterrupt`` wherever Python happens to be: as a function begins, and after
every call. The traceback then keeps alive whatever was in use, as long as the caller's ``except``
block lasts, so that nothing is freed by itself. Therefore:

* A block is not a generator. One that is interrupted between its ``yield`` and the ``with``
  statement never reaches its ``finally``.
* What is to be given back is known before it is taken, giving it back twice does no harm, and an
  interrupted attempt is repeated.
* A connection that is closed in the middle of a transaction rolls back first: SQLite keeps one
  open, with its lock, for as long as somebody has a statement of it. See ``database.error_events``.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from types import TracebackType
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import RootTransaction

from tandem_store.database import forks, partitions
from tandem_store.database.engines import Engines
from tandem_store.database.sqlite_files import fold_in
from tandem_store.database.urls import sqlite_path
from tandem_store.database.write_queue import Turns, this_thread
from tandem_store.errors import StoreError
from tandem_store.month import Month

Given = TypeVar("Given")
#: What a block gives, made from its connection.
Give = Callable[[Connection], Given]


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
        #: The writing transactions by the threads that they were begun in. They may end in others.
        self._writing: dict[object, _Held] = {}
        self._used: set[Connection] = set()
        self._turns = Turns()
        _survive_forks(self)

    def begin(self, give: Give[Given], *, prepare: bool = True) -> AbstractContextManager[Given]:
        """A writing transaction, what ``give`` makes of it; commits on clean exit, else rolls back.

        Without ``prepare`` the present month is not seen to, this time.

        Entering it raises ``StoreError`` in a thread that has one already: on SQLite it would wait
        for itself.
        """
        return _Block(self, give, _Held(writes=True, prepares=prepare and self._prepares))

    def read(self, give: Give[Given]) -> AbstractContextManager[Given]:
        """A transaction that cannot write."""
        return _Block(self, give, _Held(writes=False, prepares=False))

    def enter(self, held: _Held) -> Connection:
        """Take what a transaction needs; ``leave`` is to be called whatever comes of it."""
        self._refuse_if_closed()
        if held.writes:
            if held.thread in self._writing:
                raise StoreError(
                    "This thread is in the middle of a writing transaction of this store already. "
                    "Pass its tx on instead of beginning another, or leave its with block first."
                )
            self._writing[held.thread] = held
        if self._path is not None:
            forks.gate.enter(held, self._path)
            if held.writes:
                self._turns.take(held.turn)
        engine = self._engines.write if held.writes else self._engines.read
        held.connection = connection = engine.connect()
        self._used.add(connection)
        if held.writes:
            held.transaction = connection.begin()
            held.transaction.__enter__()
            if held.prepares:
                self._prepare(connection)
        return connection

    def leave(self, held: _Held) -> None:
        """Give everything back, in whichever state it is; may be done twice."""
        try:
            if (connection := held.connection) is not None:
                self._used.discard(connection)
                _give_back(connection)
                if self._closed:
                    self.close_idle()
        finally:
            # Those of a child, if the transaction was begun before a fork.
            if self._path is not None:
                self._turns.give_back(held.turn)
                forks.gate.leave(held)
            if self._writing.get(held.thread) is held:
                del self._writing[held.thread]

    def close(self) -> None:
        """Close all connections; nothing can be begun afterwards. Closing twice does nothing.

        Those of a transaction that is going on are closed when it ends.
        """
        self._closed = True
        self.close_idle()
        if self._path is not None:
            fold_in(self._path)

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
        self._writing, self._used, self._turns = {}, set(), Turns()

    def _prepare(self, connection: Connection) -> None:
        present = Month.of_ms(time.time_ns() // 1_000_000)
        if present != self._prepared:
            partitions.prepare(connection, present)
            self._prepared = present

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("The store is closed. Open it again with open_store.")


class _Held:
    """What a transaction holds, from its first step to its last."""

    __slots__ = ("connection", "prepares", "thread", "transaction", "turn", "writes")

    def __init__(self, *, writes: bool, prepares: bool) -> None:
        self.writes, self.prepares = writes, prepares
        self.thread, self.turn = this_thread(), threading.Event()
        self.connection: Connection | None = None
        self.transaction: RootTransaction | None = None


class _Block(AbstractContextManager[Given]):
    """One transaction, for one ``with`` statement. See Note [Interrupts]."""

    _begun = _over = False

    def __init__(self, transactions: Transactions, give: Give[Given], held: _Held) -> None:
        self._transactions, self._give, self._held = transactions, give, held

    def __enter__(self) -> Given:
        if self._begun:
            raise StoreError("A transaction is begun once; call begin() or read() again.")
        self._begun = True
        try:
            self._held.thread = this_thread()
            return self._give(self._transactions.enter(self._held))
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if (transaction := self._held.transaction) is not None:
                transaction.__exit__(kind, error, traceback)
        except AssertionError as failure:
            # SQLAlchemy is sure that a commit comes to its end, also of one that is interrupted.
            if isinstance(failure.__context__, KeyboardInterrupt):
                raise failure.__context__ from None
            raise
        finally:
            # Not in a function of its own, which could be interrupted as it begins.
            try:
                self._leave()
            except BaseException:
                self._leave()
                raise

    def __del__(self) -> None:
        if self._begun and not self._over:
            self._leave()

    def _leave(self) -> None:
        self._transactions.leave(self._held)
        self._over = True


def _give_back(connection: Connection) -> None:
    try:
        connection.close()
    except BaseException:
        # A connection that cannot roll back is closed, so that the database does it.
        if not connection.closed:
            connection.invalidate()
        raise


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

"""The transactions of a store: begun, committed or rolled back, and their connections returned.

They are safe across threads, each of which has its own transactions, and across forks: see
Note [Forks] in ``database.forks``.

Note [Interrupts]

Ctrl-C raises ``KeyboardInterrupt`` wherever Python happens to be: at the start of a function, and
after every call. The traceback then keeps alive whatever was in use for as long as the caller's
``except`` block lasts, so nothing is freed by itself. Therefore:

* A block is not a generator. One that is interrupted between its ``yield`` and the ``with``
  statement never reaches its ``finally``.
* What must be released is noted before it is acquired, releasing it twice does no harm, and an
  interrupted release is repeated.
* A connection that is closed in the middle of a transaction rolls back first: SQLite keeps a
  transaction open, with its lock, for as long as one of its statements exists. See
  ``database.error_events``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import RootTransaction

from tandem_store.clock import now_ms
from tandem_store.database import forks, partitions
from tandem_store.database.engines import Engines
from tandem_store.database.sqlite_files import truncate_large_log
from tandem_store.database.urls import sqlite_path
from tandem_store.database.write_queue import WriteQueue, thread_token
from tandem_store.errors import StoreError
from tandem_store.month import Month

View = TypeVar("View")
#: Makes what the ``with`` statement binds, from the connection of the transaction.
MakeView = Callable[[Connection], View]


class Transactions:
    """Begins transactions on a database until it is closed.

    ``makes_months``: whether a writing transaction begins with making the table of the current
    month, which whoever writes runs may need.
    """

    def __init__(self, engines: Engines, *, makes_months: bool = True) -> None:
        self._engines = engines
        self._makes_months = makes_months
        self._path = sqlite_path(engines.write.url)
        self._closed = False
        #: Why nothing may be written, if nothing may.
        self._read_only: str | None = None
        #: The last month that was made, so that the database is asked once a month.
        self._current_month: Month | None = None
        #: The writing transactions by the threads that began them. They may end in others.
        self._writing: dict[object, _Resources] = {}
        #: The transactions that may have a connection.
        self._open: set[_Resources] = set()
        self._queue = WriteQueue()
        forks.survive(self)

    def begin(
        self, make_view: MakeView[View], *, makes_months: bool = True
    ) -> AbstractContextManager[View]:
        """Open a transaction for reading and writing; commits on clean exit, else rolls back.

        With ``makes_months=False``, the tables of the current month are not made first.

        Entering it raises ``StoreError`` in a thread that is in one already: on SQLite it would
        wait for itself.
        """
        months = makes_months and self._makes_months
        return _Block(self, make_view, _Resources(writes=True, makes_months=months))

    def read(self, make_view: MakeView[View]) -> AbstractContextManager[View]:
        """Open a transaction that cannot write."""
        return _Block(self, make_view, _Resources(writes=False, makes_months=False))

    def refuse_writes(self, why: str) -> None:
        """From now on, refuse to open a transaction for writing; ``why`` is the sentence."""
        self._read_only = why

    def acquire(self, resources: _Resources) -> Connection:
        """Acquire what a transaction needs; whatever happens, ``release`` must be called."""
        self._refuse_if_closed()
        if resources.writes:
            if self._read_only is not None:
                raise StoreError(self._read_only)
            if resources.thread in self._writing:
                raise StoreError(
                    "This thread is in the middle of a writing transaction of this store already. "
                    "Pass its tx on instead of beginning another, or leave its with block first."
                )
            self._writing[resources.thread] = resources
            if self._path is not None:
                self._queue.enter(resources.ticket)
        self._open.add(resources)
        engine = self._engines.write if resources.writes else self._engines.read
        resources.connection = connection = engine.connect()
        if resources.writes:
            resources.transaction = connection.begin()
            resources.transaction.__enter__()
            if resources.makes_months:
                self._make_current_month(connection)
        return connection

    def release(self, resources: _Resources) -> None:
        """Release everything, in whichever state it is; may be called twice."""
        try:
            if (connection := resources.connection) is not None:
                _close(connection)
                if self._closed:
                    self.close_idle()
        finally:
            self._open.discard(resources)
            if resources.writes:
                # The queue of a child does not know the tickets of its parent.
                if self._path is not None:
                    self._queue.leave(resources.ticket)
                if self._writing.get(resources.thread) is resources:
                    del self._writing[resources.thread]

    def close(self) -> None:
        """Close all connections; nothing can be begun afterwards. Closing twice does nothing.

        The connections of open transactions are closed when those end.
        """
        self._closed = True
        self.close_idle()
        if self._path is not None:
            truncate_large_log(self._path)

    def close_idle(self) -> None:
        """Close the connections that are not in use; new ones are opened when they are needed."""
        # The pools stay: one that is replaced closes nothing that is returned to it later. The last
        # connection to an SQLite file checkpoints its log, which a reader cannot.
        self._engines.read.pool.dispose()
        self._engines.write.pool.dispose()

    def begin_in_child(self) -> None:
        """Forget all connections without touching them: they belong to the parent process."""
        for resources in self._open:
            resources.inherited = True
            if (connection := resources.connection) is not None:
                forks.keep_unused(connection)
                resources.connection = None
        for engine in self._engines:
            forks.keep(engine.pool)
            engine.dispose(close=False)
        self._writing, self._open, self._queue = {}, set(), WriteQueue()

    def _make_current_month(self, connection: Connection) -> None:
        month = Month.of_ms(now_ms())
        if month != self._current_month:
            partitions.ensure_if_possible(connection, month)
            self._current_month = month

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("The store is closed. Open it again with open_store.")


class _Resources:
    """What a transaction holds, from its first step to its last.

    Only one that writes has a thread, and a ticket for the queue.
    """

    __slots__ = (
        "connection",
        "inherited",
        "makes_months",
        "thread",
        "ticket",
        "transaction",
        "writes",
    )

    def __init__(self, *, writes: bool, makes_months: bool) -> None:
        self.writes, self.makes_months = writes, makes_months
        if writes:
            self.thread, self.ticket = thread_token(), threading.Event()
        self.connection: Connection | None = None
        self.transaction: RootTransaction | None = None
        #: Whether this is a child process, and the transaction its parent's.
        self.inherited = False


class _Block(AbstractContextManager[View]):
    """One transaction, for one ``with`` statement. See Note [Interrupts]."""

    _begun = _ended = False

    def __init__(
        self, transactions: Transactions, make_view: MakeView[View], resources: _Resources
    ) -> None:
        self._transactions, self._make_view = transactions, make_view
        self._resources = resources

    def __enter__(self) -> View:
        if self._begun:
            raise StoreError("A transaction is begun once; call begin() or read() again.")
        self._begun = True
        try:
            if self._resources.writes:
                self._resources.thread = thread_token()
            return self._make_view(self._transactions.acquire(self._resources))
        except BaseException:
            self._release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._resources.inherited:
                if error is None:
                    raise forks.inherited_error()
            elif (transaction := self._resources.transaction) is not None:
                transaction.__exit__(kind, error, traceback)
        except AssertionError as failure:
            _raise_interrupt_behind(failure)
            raise
        finally:
            # Not in a function of its own, which could be interrupted as it begins.
            try:
                self._release()
            except BaseException:
                self._release()
                raise

    def __del__(self) -> None:
        if self._begun and not self._ended:
            self._release()

    def _release(self) -> None:
        self._transactions.release(self._resources)
        self._ended = True


def _close(connection: Connection) -> None:
    try:
        connection.close()
    except BaseException as failure:
        # A connection that cannot roll back is closed, so that the database does it.
        if not connection.closed:
            connection.invalidate()
        _raise_interrupt_behind(failure)
        raise


def _raise_interrupt_behind(failure: BaseException) -> None:
    """Raise the interrupt that made an assertion of SQLAlchemy fail.

    It asserts that every commit and rollback has ended, which an interrupted one has not.
    """
    interrupt = failure.__context__
    if isinstance(failure, AssertionError) and isinstance(interrupt, KeyboardInterrupt):
        raise interrupt from None

"""The store: one database, opened, and the transactions on it.

The context managers here own every transaction of the program: ``begin`` commits on clean exit and
rolls back on any exception; everything reached through a transaction works on its connection and
never commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection

from tandem_store import engine, migrate
from tandem_store.automations import Automations
from tandem_store.engine import Engines
from tandem_store.ledger import Ledger, LedgerReader
from tandem_store.months import Months
from tandem_store.quarantine import Quarantine
from tandem_store.runs import RunReader, Runs


@dataclass(frozen=True, slots=True)
class ReadTransaction:
    """One unchanging view of the store; the database itself refuses to write through it."""

    connection: Connection

    @property
    def runs(self) -> RunReader:
        """The runs."""
        return RunReader(self.connection)

    @property
    def months(self) -> Months:
        """The months that the runs are in."""
        return Months(self.connection)

    @property
    def automations(self) -> Automations:
        """The current definitions."""
        return Automations(self.connection)

    @property
    def quarantine(self) -> Quarantine:
        """What could not be imported as it stands."""
        return Quarantine(self.connection)

    @property
    def ledger(self) -> LedgerReader:
        """The copies that imports found, and what became of them."""
        return LedgerReader(self.connection)


@dataclass(frozen=True, slots=True)
class Transaction(ReadTransaction):
    """One unit of work: all of it is stored, or nothing."""

    @property
    def runs(self) -> Runs:
        """The runs."""
        return Runs(self.connection)

    @property
    def ledger(self) -> Ledger:
        """The copies that imports found, and what became of them."""
        return Ledger(self.connection)


class Store:
    """A database of runs, opened. Close it, or use it in a ``with`` statement."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction for reading and writing; commits on clean exit, else rolls back.

        On SQLite it waits up to 30 seconds for other writers before it begins.

        Raises ``StoreLockedError`` if that was not enough.
        """
        with engine.translating(), self._engines.write.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def read(self) -> Iterator[ReadTransaction]:
        """A transaction that cannot write and sees the store as it was at the first question."""
        with engine.translating(), self._engines.read.connect() as connection:
            yield ReadTransaction(connection)

    def close(self) -> None:
        """Close all connections; the store cannot be used in the middle of a transaction."""
        self._engines.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(url: str | URL) -> Store:
    """Open the store at a database URL; a bare path is an SQLite file. Read-only: creates nothing.

    Raises:
        StoreError: there is no database, or it cannot be reached.
        NotAStoreError: the database is another program's, or damaged.
        SchemaBehindError: the database must be upgraded first; opening never does.
        SchemaAheadError: the package must be upgraded first.
    """
    store = Store(engine.create_engines(url))
    try:
        with store.read() as tx:
            migrate.refuse_unless_current(tx.connection)
    except BaseException:
        store.close()
        raise
    return store

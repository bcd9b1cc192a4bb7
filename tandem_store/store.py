"""The store: one database, opened, and what its transactions reach.

``begin`` commits on clean exit and rolls back on any exception; everything reached through a
transaction works on its connection and never commits.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

from sqlalchemy import URL, Connection, ScalarResult
from sqlalchemy.sql.selectable import TypedReturnsRows

from tandem_store import archives
from tandem_store.automations import AutomationReader, Automations
from tandem_store.database import revisions, urls
from tandem_store.database.engines import create_engines
from tandem_store.database.locks.commit_lock import log_affected_library
from tandem_store.database.transactions import Transactions
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.errors import TenantScopeError
from tandem_store.holds import HoldReader, Holds
from tandem_store.ledger.reader import LedgerReader
from tandem_store.ledger.writer import Ledger
from tandem_store.month import Month
from tandem_store.months import AHEAD, MonthReader, Months
from tandem_store.quarantine import Quarantine, QuarantineReader
from tandem_store.records import TenantScope
from tandem_store.runs import RunReader, Runs

_T = TypeVar("_T")

_log: Final = logging.getLogger(__name__)

_ARCHIVE: Final = (
    "This is the archive of a month, which is only read. To change what is in it, bring the month "
    "back into its store first: tandem-store --db STORE months attach FILE"
)


@dataclass(frozen=True, slots=True)
class ReadTransaction:
    """One unchanging view of the store; the database itself refuses to write through it.

    ``connection`` is the SQLAlchemy connection of the transaction. A service reads its own tables
    by it, in the same view. Its ``commit``, ``rollback`` and ``close`` are the store's to call.
    """

    #: The SQLAlchemy connection that the transaction is on.
    connection: Connection

    def scalars(self, statement: TypedReturnsRows[_T]) -> ScalarResult[_T]:
        """Run a ``select`` of a model, or of one column, and return what it finds.

        The models (``tandem_store.models``) are the tables, so nothing that the methods of ``runs``
        leave out is left out here. What is read belongs to no session: changing it changes nothing
        in the store.

        >>> from sqlalchemy import select
        >>> from tandem_store.models import Run
        >>> with filled.read() as tx:
        ...     failed = tx.scalars(select(Run).where(Run.status == "failed")).all()
        >>> [(run.run_id, run.month.label) for run in failed]
        [('run-2', '2026-05')]
        """
        # Here, because the ORM costs a process a tenth of a second, and nothing else needs it.
        from sqlalchemy.orm import Session

        # Its end must not end the transaction that it is in, nor a failure undo what is not its.
        session = Session(self.connection, join_transaction_mode="rollback_only", autoflush=False)
        return session.scalars(statement)

    @property
    def runs(self) -> RunReader:
        """The runs."""
        return RunReader(self.connection)

    @property
    def months(self) -> MonthReader:
        """The months that the runs are in."""
        return MonthReader(self.connection)

    @property
    def automations(self) -> AutomationReader:
        """The current definitions."""
        return AutomationReader(self.connection)

    @property
    def quarantine(self) -> QuarantineReader:
        """What could not be imported as it was."""
        return QuarantineReader(self.connection)

    @property
    def holds(self) -> HoldReader:
        """What must stay in the store."""
        return HoldReader(self.connection)

    @property
    def ledger(self) -> LedgerReader:
        """The copies that imports found, and the outcome of each."""
        return LedgerReader(self.connection)


@dataclass(frozen=True, slots=True)
class Transaction(ReadTransaction):
    """One unit of work: all of it is stored, or nothing.

    A service writes its own rows in the same transaction by ``connection``, or by its own models::

        with Session(bind=tx.connection, join_transaction_mode="create_savepoint") as session:
            session.add(Order(run_id=run.run_id))
            session.commit()  # ends a savepoint; the store commits when its block ends

    On PostgreSQL its models name their schema, because other names mean the store's schema here.
    """

    @property
    def runs(self) -> Runs:
        """The runs."""
        return Runs(self.connection)

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
        """What could not be imported as it was."""
        return Quarantine(self.connection)

    @property
    def holds(self) -> Holds:
        """What must stay in the store."""
        return Holds(self.connection)

    @property
    def ledger(self) -> Ledger:
        """The copies that imports found, and the outcome of each."""
        return Ledger(self.connection)


@dataclass(frozen=True, slots=True)
class TenantReadTransaction:
    """One unchanging view of one tenant's part of the store.

    There is no connection here: it would show the other tenants' runs.
    """

    _connection: Connection
    #: The tenant.
    scope: TenantScope

    @property
    def runs(self) -> RunReader:
        """The tenant's runs."""
        return RunReader(self._connection, self.scope)


@dataclass(frozen=True, slots=True)
class TenantTransaction(TenantReadTransaction):
    """One unit of work on one tenant's part of the store."""

    @property
    def runs(self) -> Runs:
        """The tenant's runs."""
        return Runs(self._connection, self.scope)


class TenantStore:
    """A store as one tenant sees it: whatever is reached through it is that tenant's.

    It shares the connections of the store that it was made by, and is closed with it.
    """

    def __init__(self, transactions: Transactions, scope: TenantScope) -> None:
        self._transactions = transactions
        self._scope = scope

    def begin(self) -> AbstractContextManager[TenantTransaction]:
        """Open a transaction for reading and writing, as ``Store.begin`` does."""
        return self._transactions.begin(partial(TenantTransaction, scope=self._scope))

    def read(self) -> AbstractContextManager[TenantReadTransaction]:
        """Open a transaction that cannot write, as ``Store.read`` does."""
        return self._transactions.read(partial(TenantReadTransaction, scope=self._scope))


class Store:
    """A database of runs, opened. Close it, or use it in a ``with`` statement.

    Threads may share it; each has its own transactions. After a fork, both processes may use it,
    with one exception: a child that was forked while any thread was in a transaction on an SQLite
    file cannot use that file, and is refused with ``StoreError``. The parent is not affected.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def begin(self) -> AbstractContextManager[Transaction]:
        """Open a transaction for reading and writing; commits on clean exit, else rolls back.

        On SQLite it waits before it begins: up to 30 seconds for the threads that asked earlier,
        then as long for other processes. Failures of the database are raised where they happen.

        Raises:
            StoreLockedError: 30 seconds were not enough.
            StoreError: the thread is in a writing transaction already; the store is closed, or the
                archive of a month; its file was removed or replaced; or the block caught a failure
                that undid everything.

        >>> with store.begin() as tx:
        ...     tx.runs.add(run)
        1
        """
        return self._transactions.begin(Transaction)

    def read(self) -> AbstractContextManager[ReadTransaction]:
        """Open a transaction that cannot write and sees the store as it was at the first question.

        It never waits for writers, and they do not wait for it.

        >>> with store.read() as tx:
        ...     tx.runs.count()
        0
        """
        return self._transactions.read(ReadTransaction)

    def ensure_months(
        self, wanted: Collection[Month] = (), *, ahead: int = AHEAD
    ) -> tuple[Month, ...]:
        """Make the tables of the ``wanted`` months, or of the current month and ``ahead`` more.

        Returns the months made. A store makes a month by itself when a run needs it; this is for
        services that may not create tables in PostgreSQL, where a deploy does it for them.

        Raises:
            MonthDetachedError: one of the months is detached.
            StoreError: the database user may not make tables.

        >>> made = store.ensure_months([Month.parse("2026-08"), Month.parse("2026-09")])
        >>> [month.label for month in made], store.ensure_months(made)
        (['2026-08', '2026-09'], ())
        """
        with self._transactions.begin(Transaction, makes_months=False) as tx:
            return tx.months.ensure(wanted, ahead=ahead)

    def for_tenant(self, scope: TenantScope) -> TenantStore:
        """Return the store as one tenant sees it.

        This is the only way to a tenant's runs on which no filter can be forgotten.

        Raises ``TenantScopeError`` for anything but a scope; there is none for "all tenants".

        >>> acme = store.for_tenant(TenantScope(org_id="acme", workspace_id="north"))
        >>> with acme.read() as tx:
        ...     tx.runs.count()
        0
        """
        if not isinstance(scope, TenantScope):
            raise TenantScopeError(
                f"for_tenant needs a TenantScope(org_id=..., workspace_id=...), not {scope!r}."
            )
        return TenantStore(self._transactions, scope)

    def close(self) -> None:
        """Close all connections. The store is of no use afterwards; closing it twice is harmless.

        A transaction that is going on may end; its connection is closed then.
        """
        self._transactions.close()

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

    >>> with open_store(url) as opened, opened.read() as tx:
    ...     tx.runs.count()
    0
    """
    transactions = Transactions(create_engines(url))
    store = Store(transactions)
    try:
        with store.read() as tx:
            revisions.refuse_unless_current(tx.connection)
            if archives.is_archive(tx.connection):
                transactions.refuse_writes(_ARCHIVE)
    except BaseException:
        store.close()
        raise
    _log.debug("opened %s", urls.shown(url))
    if sqlite_path(database_url(url)) is not None:
        log_affected_library()
    return store


def open_to_remove(url: str | URL) -> Store:
    """Open a store at the present revision to remove rows together with all that refers to them.

    SQLite checks no references in it: for each run that is deleted it would look into the table of
    every month, half a second for a thousand runs in a store of ten years.

    Raises ``StoreError`` when the URL is refused.
    """
    return Store(Transactions(create_engines(url, foreign_keys=False), makes_months=False))


def open_any_revision(url: str | URL) -> Store:
    """Open a database whatever it holds, to copy, back up or restore it; nothing is asked of it.

    The caller asks for the revision. No month is made in it but those that are asked for.

    Raises ``StoreError`` when the URL is refused.
    """
    return Store(Transactions(create_engines(url), makes_months=False))

"""What can be asked about runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from sqlalchemy import Connection

from tandem_store.records import RunFilter, RunRecord, TenantScope
from tandem_store.runs import id_search, listing, stream
from tandem_store.runs.claims import Claim, claims
from tandem_store.runs.documents import StoredRun, Versioned, read_one
from tandem_store.runs.listing import Page
from tandem_store.runs.selection import Selection
from tandem_store.runs.statistics import RunStatistics, statistics
from tandem_store.runs.stream import DamagedRun


class RunReader:
    """The runs as the connection's transaction sees them; cannot write.

    In a store made by ``for_tenant``, that tenant's runs alone, to every method. A
    ``recovered_context_run`` that has not ended is never listed, counted or summed.
    """

    def __init__(self, connection: Connection, scope: TenantScope | None = None) -> None:
        self._connection = connection
        self._scope = scope

    if not TYPE_CHECKING:  # with it, a type checker would let any name pass

        def __getattr__(self, name: str) -> NoReturn:
            reads = type(self) is RunReader
            hint = "; this transaction only reads, so begin one that writes: store.begin()"
            words = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(words + hint * reads, name=name, obj=self)

    def get(self, run_id: str) -> RunRecord | None:
        """The whole run, or None if there is none with this id.

        Raises:
            RecordTooNewError: a newer version wrote it; ``document`` reads it all the same.
            NotAStoreError: it is damaged, or its columns, document and snapshot do not agree.

        >>> with filled.read() as tx:
        ...     tx.runs.get("run-2").status, tx.runs.get("nobody")
        (<RunStatus.FAILED: 'failed'>, None)
        """
        stored = self.document(run_id)
        return None if stored is None else stored.record()

    def get_versioned(self, run_id: str) -> Versioned | None:
        """The whole run with its revision, which ``save`` asks for. Raises as ``get`` does.

        >>> with filled.read() as tx:
        ...     tx.runs.get_versioned("run-2").revision
        1
        """
        stored = self.document(run_id)
        return None if stored is None else Versioned(stored.record(), stored.revision)

    def document(self, run_id: str) -> StoredRun | None:
        """The run as stored, whatever version wrote it, or None if there is none with this id.

        >>> with filled.read() as tx:
        ...     tx.runs.document("run-2").raw()["record"]["checkpoint"]["completed_nodes"]
        ['draft', 'review']
        """
        return read_one(self._connection, run_id, self._scope)

    def exists(self, run_id: str) -> bool:
        """Whether there is a run with this id.

        >>> with filled.read() as tx:
        ...     tx.runs.exists("run-2"), tx.runs.exists("nobody")
        (True, False)
        """
        return listing.locate(self._connection, run_id, self._scope) is not None

    def find_ids(self, beginning: str, *, limit: int) -> tuple[str, ...]:
        """At most ``limit`` ids that begin so, in the order of their code points.

        The prefix that the engine gives its ids may be left out: ``7815`` finds
        ``automation-v2-run-7815de76-...`` too. Nothing begins with no text.

        >>> with filled.read() as tx:
        ...     tx.runs.find_ids("run-", limit=2)
        ('run-1', 'run-2')
        """
        return id_search.ids(self._connection, beginning, limit, self._scope)

    def list(
        self,
        run_filter: RunFilter | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = True,
    ) -> Page:
        """A page of summaries in the order of creation; runs created together go by their ids.

        ``limit`` is 1 to 1,000. ``cursor`` is the ``next_cursor`` or ``previous_cursor`` of another
        page of the same filter and order. Runs that are added or deleted between two pages neither
        repeat others nor hide them.

        Raises:
            InvalidCursorError: it is damaged, or was made for another filter, tenant or order.
            ValueError: the limit is out of range.
            TypeError: the limit is no whole number, or the filter no filter.

        >>> with filled.read() as tx:
        ...     page = tx.runs.list(limit=2)
        ...     rest = tx.runs.list(limit=2, cursor=page.next_cursor)
        >>> [run.run_id for run in page.items], [run.run_id for run in rest.items]
        (['run-3', 'run-2'], ['run-1'])
        >>> rest.next_cursor is None
        True
        """
        return listing.page(
            self._connection,
            self._selection(run_filter),
            limit=limit,
            cursor=cursor,
            newest_first=newest_first,
        )

    def count(self, run_filter: RunFilter | None = None) -> int:
        """How many runs pass the filter.

        >>> with filled.read() as tx:
        ...     tx.runs.count(), tx.runs.count(RunFilter(status="failed"))
        (3, 1)
        """
        return listing.count(self._connection, self._selection(run_filter))

    def iterate(
        self, run_filter: RunFilter | None = None, *, newest_first: bool = True
    ) -> Iterator[RunRecord]:
        """Every whole run that passes, in the order of ``list``, some tens in memory at a time.

        Use it within the transaction. Raises as ``get`` does, when it comes to such a run.

        >>> with filled.read() as tx:
        ...     [run.run_id for run in tx.runs.iterate(newest_first=False)]
        ['run-1', 'run-2', 'run-3']
        """
        documents = stream.in_order(
            self._connection, self._selection(run_filter), newest_first=newest_first
        )
        return (stored.record() for stored in documents)

    def documents_by_id(self) -> Iterator[StoredRun]:
        """Every run as stored, by the code points of the ids, some tens in memory at a time.

        All of them, also those that are never listed.

        >>> with filled.read() as tx:
        ...     [stored.run_id for stored in tx.runs.documents_by_id()]
        ['run-1', 'run-2', 'run-3']
        """
        return stream.by_id(self._connection, self._scope)

    def damaged(self) -> Iterator[DamagedRun]:
        """Every run that cannot be read back whole, by the code points of the ids.

        Each is read and decoded, and its columns are held against its document and snapshot; what a
        newer version wrote is not judged.

        >>> with filled.read() as tx:
        ...     list(tx.runs.damaged())
        []
        """
        return stream.damaged(self._connection, self._scope)

    def claims(self) -> Iterator[Claim]:
        """Every run that was ever claimed, by the code points of the ids.

        >>> with filled.read() as tx:
        ...     list(tx.runs.claims())
        []
        """
        return claims(self._connection, self._scope)

    def stats(self, run_filter: RunFilter | None = None) -> tuple[RunStatistics, ...]:
        """Runs, tokens and cost (US dollars) by month and status, oldest month first.

        >>> with filled.read() as tx:
        ...     [(entry.month.label, entry.status, entry.runs) for entry in tx.runs.stats()]
        [('2026-05', 'completed', 2), ('2026-05', 'failed', 1)]
        """
        return statistics(self._connection, self._selection(run_filter))

    def _selection(self, run_filter: RunFilter | None) -> Selection:
        if not isinstance(run_filter, RunFilter | None):
            raise TypeError(f"A filter is a RunFilter, not {run_filter!r}.")
        return Selection(RunFilter() if run_filter is None else run_filter, self._scope)

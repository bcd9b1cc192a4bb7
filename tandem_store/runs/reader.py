"""The questions about runs: what a read transaction offers as ``tx.runs``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from tandem_store import clock
from tandem_store.database.read_only import ReadOnly
from tandem_store.month import Month
from tandem_store.records.statistics_keys import DEFAULT_KEYS
from tandem_store.runs import (
    activity,
    approvals,
    claims,
    detached_runs,
    documents,
    health,
    id_search,
    last_completed,
    listing,
    queue,
    statistics,
    storage,
    stream,
)
from tandem_store.runs.activity import AutomationActivity
from tandem_store.runs.approvals import ApprovalPage
from tandem_store.runs.claims import Claim
from tandem_store.runs.context import RunsContext
from tandem_store.runs.detached_runs import DetachedMonth
from tandem_store.runs.documents import StoredRun, Versioned
from tandem_store.runs.health import AutomationHealth
from tandem_store.runs.listing import Page
from tandem_store.runs.statistics import RunStatistics
from tandem_store.runs.stream import DamagedRun

if TYPE_CHECKING:
    from tandem_store.records import RunFilter, RunOrder, RunRecord, RunSummary, TenantScope


class RunReader(ReadOnly):
    """The runs as the connection's transaction sees them; cannot write.

    In a store made by ``for_tenant``, every method sees that tenant's runs and no others. A
    ``recovered_context_run`` that has not ended is never listed, counted or summed.
    """

    def __init__(self, connection: Connection, scope: TenantScope | None = None) -> None:
        # Private: whoever has the connection of a tenant's transaction would see all runs.
        self._context = RunsContext(connection, scope)

    def get(self, run_id: str) -> RunRecord | None:
        """Return the complete run, or None if there is no run with this id.

        Raises:
            MonthDetachedError: its month was detached; the error names the archive.
            ContentForgottenError: its content was forgotten; ``summary`` has what is left.
            RecordTooNewError: a newer version wrote it; ``document`` reads it even so.
            NotAStoreError: it is damaged, or its columns, document and snapshot do not agree.

        >>> with filled.read() as tx:
        ...     tx.runs.get("run-2").status, tx.runs.get("nobody")
        (<RunStatus.FAILED: 'failed'>, None)
        """
        stored = self.document(run_id)
        return None if stored is None else stored.record()

    def get_versioned(self, run_id: str) -> Versioned | None:
        """Return the complete run and its revision, which ``save`` needs. Raises as ``get`` does.

        >>> with filled.read() as tx:
        ...     tx.runs.get_versioned("run-2").revision
        1
        """
        stored = self.document(run_id)
        return None if stored is None else Versioned(stored.record(), stored.revision)

    def summary(self, run_id: str) -> RunSummary | None:
        """Return what lists show of a run, or None if there is no run with this id.

        Raises ``MonthDetachedError`` if its month was detached.

        >>> with filled.read() as tx:
        ...     tx.runs.summary("run-2").revision
        1
        """
        return listing.summary(self._context, run_id)

    def document(self, run_id: str) -> StoredRun | None:
        """Return the run as stored, whatever version wrote it, or None if there is no such run.

        Raises ``MonthDetachedError`` if its month was detached.

        >>> with filled.read() as tx:
        ...     tx.runs.document("run-2").raw()["record"]["checkpoint"]["completed_nodes"]
        ['draft', 'review']
        """
        return documents.document(self._context, run_id)

    def documents(self, run_ids: Sequence[str]) -> Iterator[StoredRun]:
        """Yield those of the runs that there are, as ``document`` returns them, in any order.

        50 are read, and in memory, at a time.

        >>> with filled.read() as tx:
        ...     [stored.run_id for stored in tx.runs.documents(["run-2", "nobody", "run-1"])]
        ['run-1', 'run-2']
        """
        return stream.documents(self._context, run_ids)

    def exists(self, run_id: str) -> bool:
        """Return whether there is a run with this id, in a month that is attached.

        The id of a run in a detached month cannot be given to another: ``add`` raises
        ``MonthDetachedError`` then.

        >>> with filled.read() as tx:
        ...     tx.runs.exists("run-2"), tx.runs.exists("nobody")
        (True, False)
        """
        return storage.locate(self._context, run_id) is not None

    def find_ids(self, beginning: str, *, limit: int) -> tuple[str, ...]:
        """Return at most ``limit`` ids that begin so, in the order of their code points.

        The prefix of the engine's ids may be left out: ``7815`` finds
        ``automation-v2-run-7815de76-...`` too. An empty beginning finds nothing. Ids of runs in
        detached months are found as well.

        >>> with filled.read() as tx:
        ...     tx.runs.find_ids("run-", limit=2)
        ('run-1', 'run-2')
        """
        return id_search.find_ids(self._context, beginning, limit=limit)

    def list(
        self,
        run_filter: RunFilter | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        order_by: RunOrder | str = "created",
        newest_first: bool = True,
    ) -> Page:
        """Return a page of summaries: the newest first, or those with the greatest value.

        ``order_by`` is ``created``, ``updated``, ``finished``, ``duration``, ``cost`` or
        ``tokens``; runs with equal values are in the order of their ids. ``newest_first=False``
        reverses both. Runs without a value, as those that did not finish, come last either way.

        ``limit`` is 1 to 1,000. ``cursor`` is the ``next_cursor`` or ``previous_cursor`` of another
        page of the same filter and order. Runs that are added or deleted between two pages neither
        repeat others nor hide them. A run whose value changes meanwhile may be met twice, or not at
        all; the time of creation never changes.

        Raises:
            InvalidCursorError: it is damaged, or was made for another filter, tenant or order.
            InvalidFilterError: runs have no such order.
            ValueError: the limit is out of range.
            TypeError: the limit is not a whole number, or the filter is not a ``RunFilter``.

        >>> with filled.read() as tx:
        ...     page = tx.runs.list(limit=2)
        ...     rest = tx.runs.list(limit=2, cursor=page.next_cursor)
        >>> [run.run_id for run in page.items], [run.run_id for run in rest.items]
        (['run-3', 'run-2'], ['run-1'])
        >>> rest.next_cursor is None
        True
        """
        return listing.list(
            self._context,
            run_filter,
            limit=limit,
            cursor=cursor,
            order_by=order_by,
            newest_first=newest_first,
        )

    def last_completed_before(self, run_id: str) -> RunSummary | None:
        """Return the newest completed run of the same automation and tenant that is older.

        Older is what was created before, or at once with a smaller id, as in lists. None if there
        is no such run. Runs in detached months are not found.

        Raises:
            NotFoundError: there is no run with this id.
            MonthDetachedError: its month was detached.

        >>> with filled.read() as tx:
        ...     tx.runs.last_completed_before("run-2").run_id
        'run-1'
        """
        return last_completed.last_completed_before(self._context, run_id)

    def detached(self) -> tuple[DetachedMonth, ...]:
        """Return the detached months, oldest first, and how many runs are not listed for each.

        >>> with filled.read() as tx:
        ...     tx.runs.detached()
        ()
        """
        return detached_runs.detached(self._context)

    def count(self, run_filter: RunFilter | None = None) -> int:
        """Return how many runs pass the filter.

        >>> with filled.read() as tx:
        ...     tx.runs.count(), tx.runs.count(RunFilter(status="failed"))
        (3, 1)
        """
        return listing.count(self._context, run_filter)

    def iterate(
        self,
        run_filter: RunFilter | None = None,
        *,
        newest_first: bool = True,
        skip_forgotten: bool = False,
    ) -> Iterator[RunRecord]:
        """Yield every run that passes the filter, complete, in the order of ``list``.

        50 runs are in memory at a time. Use it within the transaction. Runs in detached months are
        left out. Raises as ``get`` does when it comes to such a run; with ``skip_forgotten``, runs
        whose content was forgotten are left out, too.

        >>> with filled.read() as tx:
        ...     [run.run_id for run in tx.runs.iterate(newest_first=False)]
        ['run-1', 'run-2', 'run-3']
        """
        return stream.iterate(
            self._context, run_filter, newest_first=newest_first, skip_forgotten=skip_forgotten
        )

    def iterate_documents(
        self, run_filter: RunFilter | None = None, *, newest_first: bool = True
    ) -> Iterator[StoredRun]:
        """Yield what ``iterate`` does, each run as it is stored, whatever version wrote it.

        >>> with filled.read() as tx:
        ...     [stored.run_id for stored in tx.runs.iterate_documents()]
        ['run-3', 'run-2', 'run-1']
        """
        return stream.iterate_documents(self._context, run_filter, newest_first=newest_first)

    def month_documents(
        self, month: Month, run_filter: RunFilter | None = None
    ) -> Iterator[StoredRun]:
        """Yield the runs of one month that pass the filter as stored, by the code points of ids.

        50 runs are in memory at a time.

        Raises:
            NotFoundError: the store has no such month.
            MonthDetachedError: it is detached.

        >>> with filled.read() as tx:
        ...     [stored.run_id for stored in tx.runs.month_documents(Month.parse("2026-05"))]
        ['run-1', 'run-2', 'run-3']
        """
        return stream.month_documents(self._context, run_filter, month)

    def documents_by_id(self) -> Iterator[StoredRun]:
        """Yield every run as stored, by the code points of the ids; 50 in memory at a time.

        That includes the runs that are never listed.

        >>> with filled.read() as tx:
        ...     [stored.run_id for stored in tx.runs.documents_by_id()]
        ['run-1', 'run-2', 'run-3']
        """
        return stream.documents_by_id(self._context)

    def damaged(self) -> Iterator[DamagedRun]:
        """Yield every run that cannot be read completely, by the code points of the ids.

        Each run is read and decoded, and its columns are compared with its document and snapshot.
        Those that a newer version wrote count as sound.

        >>> with filled.read() as tx:
        ...     list(tx.runs.damaged())
        []
        """
        return stream.damaged(self._context)

    def automations(self, *, since: datetime | None = None) -> tuple[AutomationActivity, ...]:
        """Return every automation that has runs, with what it does; the last active first.

        The figures are over the runs created at ``since`` or later, an aware datetime: thirty days
        ago unless you say otherwise. Runs in detached months are left out. Nothing is read of older
        runs but the last of each automation, and of no run its document.

        Raises ``InvalidFilterError`` if ``since`` has no time zone.

        >>> from datetime import UTC, datetime
        >>> with filled.read() as tx:
        ...     (auto,) = tx.runs.automations(since=datetime(2026, 5, 1, tzinfo=UTC))
        >>> auto.automation_id, auto.last_run.run_id, auto.success_rate
        ('auto-1', 'run-3', 0.6666666666666666)
        """
        return activity.automations(self._context, since=since or _thirty_days_ago())

    def automation(
        self, automation_id: str, *, since: datetime | None = None
    ) -> AutomationActivity | None:
        """Return what one automation does, as ``automations`` does, or None if it has no runs.

        >>> with filled.read() as tx:
        ...     tx.runs.automation("auto-1").last_run.run_id, tx.runs.automation("none")
        ('run-3', None)
        """
        since = since or _thirty_days_ago()
        found = activity.automations(self._context, since=since, automation_id=automation_id)
        return found[0] if found else None

    def automation_ids(self) -> tuple[str, ...]:
        """Return the ids of all automations that have runs, by their code points.

        >>> with filled.read() as tx:
        ...     tx.runs.automation_ids()
        ('auto-1',)
        """
        return activity.automation_ids(self._context)

    def health(self, automation_id: str, *, last: int = 50) -> AutomationHealth:
        """Return how the newest ``last`` runs of an automation that have ended did, 1 to 1,000.

        These are the engine's figures. All are 0 if no run has ended, or there is no such
        automation. Runs in detached months are left out.

        Raises:
            ValueError: ``last`` is out of range.
            TypeError: it is not a whole number.

        >>> with filled.read() as tx:
        ...     health = tx.runs.health("auto-1")
        >>> health.sample_size, health.completion_rate, health.validation_pass_rate
        (3, 0.6666666666666666, 0.6666666666666666)
        """
        return health.health(self._context, automation_id, last=last)

    def approvals(
        self,
        run_filter: RunFilter | None = None,
        *,
        overdue: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        now_ms: int | None = None,
    ) -> ApprovalPage:
        """Return a page of the approvals that runs wait for, newest request first.

        With ``overdue``, only of those whose time is over at ``now_ms``: in milliseconds since
        1970, UTC, the present unless you say otherwise. ``limit`` is 1 to 1,000. ``cursor`` is the
        ``next_cursor`` of another page of the same filter. A run that has ended is not there, even
        if its gate was left open.

        Raises:
            InvalidCursorError: it is damaged, or was made for another filter or tenant.
            ValueError: the limit is out of range.
            TypeError: the limit is not a whole number, or the filter is not a ``RunFilter``.

        >>> with filled.read() as tx:
        ...     tx.runs.approvals().items
        ()
        """
        return approvals.approvals(
            self._context,
            run_filter,
            overdue=overdue,
            limit=limit,
            cursor=cursor,
            now_ms=clock.now_ms() if now_ms is None else now_ms,
        )

    def claims(self) -> Iterator[Claim]:
        """Yield the claim of every run that was ever claimed, by the code points of the ids.

        >>> with filled.read() as tx:
        ...     list(tx.runs.claims())
        []
        """
        return claims.claims(self._context)

    def next_due(
        self, run_filter: RunFilter | None = None, *, include_imported: bool = False
    ) -> int | None:
        """Return when ``claim_next`` will find a run that it does not find yet; milliseconds UTC.

        That is when the first back-off is over, or the first lease ends, by the clock of the
        database; None if no run backs off and no lease lasts. New runs may come before that.

        >>> with filled.read() as tx:
        ...     tx.runs.next_due() is None
        True
        """
        return queue.next_due(self._context, run_filter, include_imported=include_imported)

    def stats(
        self,
        run_filter: RunFilter | None = None,
        *,
        by: str | Iterable[str] = DEFAULT_KEYS,
        time: str = "created",
        attached_only: bool = False,
    ) -> tuple[RunStatistics, ...]:
        """Return runs, tokens, cost, success and durations of each group of runs.

        ``by`` names what runs of one group have in common: any of day, week, month, automation,
        tenant, trigger, status and profile. Without a name there is one group, of all runs. Entries
        are in the order of these keys: the oldest first, names by code point, None last. Days,
        weeks (which begin on Monday) and months are UTC, of the ``time``: created, updated, started
        or finished. Runs without that time are in a group of their own.

        The runs of detached and dropped months are counted too, unless ``attached_only``: of those
        the store keeps totals by day of creation, automation, tenant, status and trigger.

        Raises ``InvalidFilterError`` if there is no such key or time, or if the question takes more
        than those totals know, and they are about runs that may pass.

        >>> with filled.read() as tx:
        ...     by_status = tx.runs.stats(by="status")
        ...     (of_all,) = tx.runs.stats(by=(), time="updated")
        >>> [(entry.status, entry.runs) for entry in by_status]
        [('completed', 2), ('failed', 1)]
        >>> of_all.runs, of_all.completed, of_all.ended
        (3, 2, 3)
        """
        return statistics.stats(
            self._context, run_filter, by=by, time=time, attached_only=attached_only
        )


def _thirty_days_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=30)

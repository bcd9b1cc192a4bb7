"""The changes to runs: what a writing transaction offers as ``tx.runs``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from tandem_store.runs import changes, claims, queue
from tandem_store.runs.claims import Claim
from tandem_store.runs.documents import Versioned
from tandem_store.runs.reader import RunReader
from tandem_store.runs.rules import Change

if TYPE_CHECKING:
    from tandem_store.records import RunFilter, RunRecord


class Runs(RunReader):
    """The runs, for reading and writing; the connection's owner commits.

    In a store made by ``for_tenant``, no method finds another tenant's runs, and writing a run for
    another tenant raises ``TenantScopeError``.

    Methods that write a run raise ``UnstorableError`` if it is malformed, its ids or numbers do not
    fit the columns, or it is a ``recovered_context_run`` that has not ended; and
    ``MonthDetachedError`` if the run, or the month that it belongs to, was detached.
    """

    def add(self, run: RunRecord) -> int:
        """Store a new run and return its revision.

        That is 1, or one more than the last revision of a run that was deleted under this id, so
        that two runs never have the same one. Fields that this version does not know are stored as
        they are.

        Raises:
            ConflictError: the id is taken; ``found`` is the stored revision. If the run is another
                tenant's, ``found`` is None and the message does not say whose it is.
            MonthDetachedError: the id is that of a run in a detached month, or its month is.

        >>> with store.begin() as tx:
        ...     tx.runs.add(run)
        1
        """
        return changes.add(self._context, run)

    def add_many(self, runs: Iterable[RunRecord]) -> int:
        """Store new runs, all or none of them, and return how many.

        All are in memory at once, compressed; for more than some ten thousand call it repeatedly.

        Raises:
            ConflictError: an id is taken, as for ``add``, or given twice; no run is stored.

        >>> with store.begin() as tx:
        ...     tx.runs.add_many([run, run.model_copy(update={"run_id": "another"})])
        2
        """
        return changes.add_many(self._context, runs)

    def save(
        self,
        run: RunRecord,
        *,
        expected_revision: int | None = None,
        force: bool = False,
        allow_unknown: bool = False,
    ) -> int:
        """Write a run over the stored one with its id, as it is, and return the new revision.

        ``expected_revision`` is the one from ``get_versioned``; ``force`` writes over whatever is
        there. If the month of the run changes, its document moves too. Any status may follow any
        other; a run that leaves a terminal one is logged.

        A field of the record itself that neither this version knows nor the stored run has is
        refused as a mistyped name, unless ``allow_unknown``.

        Raises:
            ConflictError: the run was written meanwhile, or neither argument says what to expect;
                ``expected`` and ``found`` are the two revisions.
            NotFoundError: there is no run with this id.
            UnstorableError: it has a new unknown field (``unknown_field``), or as for all methods.

        >>> with store.begin() as tx:
        ...     revision = tx.runs.add(run)
        ...     paused = run.changed(status="paused")
        ...     tx.runs.save(paused, expected_revision=revision)
        2
        """
        return changes.save(
            self._context,
            run,
            expected_revision=expected_revision,
            force=force,
            allow_unknown=allow_unknown,
        )

    def update(
        self,
        run_id: str,
        change: Change,
        *,
        claim: Claim | None = None,
        allow_unknown: bool = False,
    ) -> Versioned:
        """Read a run, apply ``change`` to it, write it back, and return what was written.

        If another writer comes in between, this starts again, so ``change`` may be called twice and
        must do nothing but return the changed run. What is the same object afterwards keeps its
        stored form, so never change a list or dict in place. Some fields follow from the change:
        ``updated_at_ms`` becomes the present (milliseconds UTC), or one more than it was if that is
        later; a run that is not queued has no ``scheduler``; one that ended has a
        ``finished_at_ms``.

        Any status may follow any other. If a run leaves a terminal status for one that is not, the
        result has the former as ``reopened_from``, and it is logged. The run keeps its
        ``finished_at_ms``, also when it ends again, as in the engine; ``run.changed`` with
        ``finished_at_ms=None`` begins anew.

        With ``claim``, the run is written only while that worker's lease lasts and the run has not
        ended. A new top-level field that this version does not know is refused as a mistyped name,
        unless ``allow_unknown``.

        Raises:
            NotFoundError: there is no run with this id.
            LeaseLostError: the claim is not held any more, or somebody else ended the run.
            ConflictError: ``change`` wrote the run itself.
            RecordTooNewError: a newer version wrote the run.
            ValueError: ``change`` returned something else than a run, or one with another id.
            UnstorableError: it has a new unknown field (``unknown_field``), or as for all methods.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     done = tx.runs.update(run.run_id, lambda run: run.changed(status="completed"))
        >>> done.revision, done.run.finished_at_ms == done.run.updated_at_ms
        (2, True)
        """
        return changes.update(
            self._context, run_id, change, claim=claim, allow_unknown=allow_unknown
        )

    def delete(self, run_id: str) -> None:
        """Remove a run and its document, claimed or not.

        A run that is added later under the same id continues its revisions, so a change that was
        prepared for the deleted run is not accepted for the new one. The definition snapshot, which
        other runs may share, stays.

        Raises:
            NotFoundError: there is no run with this id.
            HeldError: a hold keeps it.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     tx.runs.delete(run.run_id)
        ...     tx.runs.exists(run.run_id)
        False
        """
        changes.delete(self._context, run_id)

    def claim_next(
        self,
        worker: str,
        lease: timedelta,
        run_filter: RunFilter | None = None,
        *,
        include_imported: bool = False,
    ) -> Claim | None:
        """Claim the next run to work on, for ``lease`` from now; returns None if there is none.

        That is the oldest queued run that passes the filter, is due, and that nobody holds. A run
        that backs off (``scheduler.queue_reason`` is ``retry_backoff``) is due from
        ``scheduler.retry_after_ms`` on; ``next_due`` returns when the next one is. Runs whose
        worker let its lease end (in status queued, running or pausing) come first, the lease that
        ended first at the front. Each run goes to one caller, however many ask at once. The run
        itself is not changed: set its status with ``update``.

        ``worker`` is any name that tells workers apart. Imported runs are skipped unless
        ``include_imported``: a queue that is years old must not start because it was moved. They
        count as imported until they are written again.

        Raises ``ValueError`` if the worker's name is blank or the lease shorter than a millisecond.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     claim = tx.runs.claim_next("worker-1", timedelta(minutes=5))
        ...     tx.runs.claim_next("worker-2", timedelta(minutes=5)) is None
        True
        >>> claim.run_id == run.run_id, claim.epoch
        (True, 1)
        """
        return queue.claim_next(
            self._context, worker, lease, run_filter, include_imported=include_imported
        )

    def renew(self, claim: Claim, lease: timedelta) -> Claim:
        """Let the lease end ``lease`` from now, and return the claim with its new end.

        Raises:
            LeaseLostError: it ended before, another worker has the run, or somebody ended the run.
            ValueError: the lease is shorter than a millisecond.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     claim = tx.runs.claim_next("worker-1", timedelta(minutes=5))
        ...     longer = tx.runs.renew(claim, timedelta(minutes=10))
        >>> longer.expires_at_ms > claim.expires_at_ms
        True
        """
        return claims.renew(self._context, claim, lease)

    def release(self, claim: Claim) -> None:
        """Give a run back, so that another may claim it if it is queued; nothing else changes.

        A run that has ended can be released too. Raises ``LeaseLostError`` if the lease ended
        before or another worker has the run.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     tx.runs.release(tx.runs.claim_next("worker-1", timedelta(minutes=5)))
        ...     tx.runs.claim_next("worker-2", timedelta(minutes=5)).epoch
        2
        """
        claims.release(self._context, claim)

    def finish(self, claim: Claim, change: Change, *, allow_unknown: bool = False) -> Versioned:
        """End a run and give it back: ``update`` under the claim, to a terminal status.

        Raises:
            LeaseLostError: the lease ended, another worker has the run, or somebody ended it;
                nothing is written.
            ValueError: the status is not terminal after ``change``, or as for ``update``.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     claim = tx.runs.claim_next("worker-1", timedelta(minutes=5))
        ...     done = tx.runs.finish(claim, lambda run: run.changed(status="completed"))
        >>> done.run.status, done.revision
        (<RunStatus.COMPLETED: 'completed'>, 2)
        """
        return changes.finish(self._context, claim, change, allow_unknown=allow_unknown)

"""What can be done to runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from tandem_store.records import RunFilter, RunRecord
from tandem_store.runs import changes, claims, leases
from tandem_store.runs.claims import Claim
from tandem_store.runs.documents import Versioned
from tandem_store.runs.reader import RunReader
from tandem_store.runs.rules import Change


class Runs(RunReader):
    """The runs, for reading and writing; the connection's owner commits.

    In a store made by ``for_tenant``, what belongs to another tenant is absent to every method, and
    writing a run for another tenant raises ``TenantScopeError``.

    Methods that write a run raise ``UnstorableError`` if it is malformed, its ids or numbers do not
    fit the columns, or it is a ``recovered_context_run`` that has not ended; and
    ``MonthDetachedError`` if its month is detached.
    """

    def add(self, run: RunRecord) -> int:
        """Store a new run and give its revision.

        That is 1; under the id of a run that was deleted, one more than that one's last, so that no
        revision is ever that of two runs. Fields that this version does not know are stored as they
        are.

        Raises:
            ConflictError: the id is taken; ``found`` is the revision that is there. It is None,
                and the message does not tell whose the run is, if it is another tenant's.

        >>> with store.begin() as tx:
        ...     tx.runs.add(run)
        1
        """
        return changes.add(self._connection, [run], self._scope)[0]

    def add_many(self, runs: Iterable[RunRecord]) -> int:
        """Store new runs, all or none of them, and give how many.

        All are in memory at once, compressed; for more than some ten thousand call it repeatedly.

        Raises:
            ConflictError: an id is taken, as ``add``, or given twice; none of the runs is stored.

        >>> with store.begin() as tx:
        ...     tx.runs.add_many([run, run.model_copy(update={"run_id": "another"})])
        2
        """
        return len(changes.add(self._connection, runs, self._scope))

    def save(
        self,
        run: RunRecord,
        *,
        expected_revision: int | None = None,
        force: bool = False,
        allow_unknown: bool = False,
    ) -> int:
        """Write a run over the stored one with its id, as it is, and give the new revision.

        ``expected_revision`` is what ``get_versioned`` gave; ``force`` writes over whatever is
        there. A run whose month changes takes its document along. Any status may follow any other;
        that a run left a terminal one is logged.

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
            self._connection,
            run,
            self._scope,
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
        """Read a run, apply ``change`` to it and write it back; returns what was written.

        If another writer comes in between, it starts again, so ``change`` may be called twice and
        must do nothing but return the changed run. What follows from a change, follows:
        ``updated_at_ms`` becomes the present (milliseconds UTC), or one more than it was if that is
        later; a run that is not queued has no ``scheduler``; one that ended has a
        ``finished_at_ms``.

        Any status may follow any other. A run that leaves a terminal status for one that is not has
        the former as ``reopened_from`` of the result, which is logged as well. It keeps its
        ``finished_at_ms``, also when it ends again, as in the engine; ``run.changed`` with
        ``finished_at_ms=None`` begins anew.

        With ``claim``, only as long as that worker's lease lasts and the run has not ended. A new
        top-level field that this version does not know is refused as a mistyped name, unless
        ``allow_unknown``.

        Raises:
            NotFoundError: there is no run with this id.
            LeaseLostError: the claim does not hold any more, or somebody else ended the run.
            ConflictError: ``change`` wrote the run itself.
            RecordTooNewError: a newer version wrote the run.
            ValueError: ``change`` returned no run, or one with another id.
            UnstorableError: it has a new unknown field (``unknown_field``), or as for all methods.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     done = tx.runs.update(run.run_id, lambda run: run.changed(status="completed"))
        >>> done.revision, done.run.finished_at_ms == done.run.updated_at_ms
        (2, True)
        """
        return changes.update(
            self._connection, run_id, change, self._scope, claim, allow_unknown=allow_unknown
        )

    def delete(self, run_id: str) -> None:
        """Remove a run and its document, claimed or not.

        A run that is added later under the same id goes on with its revisions, so what was prepared
        against the one that is gone is not accepted over the new one. The definition snapshot
        stays, which other runs may share.

        Raises ``NotFoundError`` if there is none with this id.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     tx.runs.delete(run.run_id)
        ...     tx.runs.exists(run.run_id)
        False
        """
        changes.delete(self._connection, run_id, self._scope)

    def claim_next(
        self,
        worker: str,
        lease: timedelta,
        run_filter: RunFilter | None = None,
        *,
        include_imported: bool = False,
    ) -> Claim | None:
        """Take the next run to work on, for ``lease`` from now; None if there is none.

        The oldest queued run that passes the filter and that nobody holds; before it, one that was
        begun and whose worker let its lease run out (in status queued, running or pausing; the one
        that ran out first). Each is given to one caller, however many ask at once. The run itself
        is not changed: set its status with ``update``.

        ``worker`` is any name, to tell workers apart. Imported runs are passed over unless
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
        return claims.take(
            self._connection,
            worker,
            lease,
            self._selection(run_filter),
            include_imported=include_imported,
        )

    def renew(self, claim: Claim, lease: timedelta) -> Claim:
        """Let the lease end ``lease`` from now, and give the claim with its new end.

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
        return leases.renew(self._connection, claim, lease, self._scope)

    def release(self, claim: Claim) -> None:
        """Let go of a run, so that another may claim it if it is queued; nothing else changes.

        A run that has ended can be released, too. Raises ``LeaseLostError`` if the lease ended
        before or another worker has the run.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     tx.runs.release(tx.runs.claim_next("worker-1", timedelta(minutes=5)))
        ...     tx.runs.claim_next("worker-2", timedelta(minutes=5)).epoch
        2
        """
        leases.release(self._connection, claim, self._scope)

    def finish(self, claim: Claim, change: Change, *, allow_unknown: bool = False) -> Versioned:
        """End a run and let go of it: ``update`` under the claim, to a terminal status.

        Raises:
            LeaseLostError: the lease ran out, another worker has the run, or somebody ended it;
                nothing is written.
            ValueError: the status is not terminal after ``change``, or as ``update``.

        >>> with store.begin() as tx:
        ...     _ = tx.runs.add(run)
        ...     claim = tx.runs.claim_next("worker-1", timedelta(minutes=5))
        ...     done = tx.runs.finish(claim, lambda run: run.changed(status="completed"))
        >>> done.run.status, done.revision
        (<RunStatus.COMPLETED: 'completed'>, 2)
        """
        return changes.finish(
            self._connection, claim, change, self._scope, allow_unknown=allow_unknown
        )

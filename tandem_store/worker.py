"""A worker: claims runs one after the other and keeps each lease while the work goes on.

A lease is short, so that a run does not wait long when its worker dies, and work may be long. The
heartbeat brings the two together: it renews the lease in short transactions from a thread of its
own, and reports when the lease is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from tandem_store import clock
from tandem_store.errors import LeaseLostError, StoreError
from tandem_store.records import RunFilter, RunRecord
from tandem_store.runs import Claim
from tandem_store.store import Store, TenantStore

#: How long a claim lasts unless it is renewed.
LEASE: Final = timedelta(minutes=5)
#: How long an idle worker waits before it asks for a run again.
IDLE: Final = timedelta(seconds=1)
#: The shortest such wait in milliseconds, if the next run should be due already.
_SHORTEST_MS: Final = 10
#: A clock that is further ahead than this cannot tell when a run is due.
_MOST_AHEAD_MS: Final = 1_000
_MILLISECOND: Final = timedelta(milliseconds=1)
#: Renewals within one lease: two may fail before it ends.
_RENEWALS_PER_LEASE: Final = 3
#: Seconds between two attempts while the database cannot be reached.
_RETRY_S: Final = 1.0

_log: Final = logging.getLogger(__name__)


class Heartbeat:
    """Renews the lease on one run until the ``with`` block ends or the lease is lost.

    The lease is renewed as the block begins, then three times per ``lease``, each time in a
    transaction of its own. So the block must not be inside a writing transaction, and its own
    transactions must be short: on SQLite they keep the heartbeat waiting.

    While the database cannot be reached, the heartbeat tries again every second; the lease counts
    as lost when it would have ended.

    Raises ``LeaseLostError`` on entering if the lease has ended already.

    >>> with store.begin() as tx:
    ...     _ = tx.runs.add(run)
    ...     claim = tx.runs.claim_next("worker-1", timedelta(minutes=5))
    >>> with Heartbeat(store, claim, timedelta(minutes=5)) as heartbeat:
    ...     heartbeat.is_lost  # long work: look now and then, or call heartbeat.check()
    False
    """

    def __init__(self, store: Store | TenantStore, claim: Claim, lease: timedelta) -> None:
        self._store = store
        self._lease = lease
        self._claim = claim
        self._expires_at = 0.0
        self._stopped = threading.Event()
        self._suspended = threading.Event()
        self._lost = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def claim(self) -> Claim:
        """The claim, as it was last renewed."""
        return self._claim

    @property
    def is_lost(self) -> bool:
        """Whether the lease is lost: another worker may have the run, or somebody ended it."""
        return self._lost.is_set()

    def wait_until_lost(self, timeout: timedelta) -> bool:
        """Wait for the lease to be lost, at most ``timeout``; returns whether it is."""
        return self._lost.wait(timeout.total_seconds())

    def check(self) -> None:
        """Raise ``LeaseLostError`` if the lease is lost."""
        if self.is_lost:
            raise LeaseLostError(
                f"The lease of {self._claim.worker!r} on the run {self._claim.run_id!r} is lost: "
                "another worker took the run over, somebody ended it, or the lease could not be "
                "renewed in time. Stop working on it."
            )

    def stop(self) -> None:
        """Stop renewing; the lease then lasts as long as it was renewed for. Safe to call twice.

        Waits for a renewal that is under way, so do not call it inside a writing transaction.
        """
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def giving_up(self) -> Iterator[None]:
        """Give up the claim in this block: after it, nothing is renewed, unless the block fails.

        A renewal that waits for the transaction in the block fails when that commits, because its
        own worker ended the claim. That does not count as losing the lease.
        """
        self._suspended.set()
        try:
            yield
            self._stopped.set()
        finally:
            self._suspended.clear()

    def __enter__(self) -> Self:
        self._renew()
        self._thread = threading.Thread(
            target=self._beat, name=f"heartbeat of {self._claim.run_id}", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _renew(self) -> None:
        # Counted from before the renewal: the database's clock starts later.
        began = time.monotonic()
        with self._store.begin() as tx:
            self._claim = tx.runs.renew(self._claim, self._lease)
        self._expires_at = began + self._lease.total_seconds()

    def _beat(self) -> None:
        interval = self._lease.total_seconds() / _RENEWALS_PER_LEASE
        pause = interval
        while not (self._stopped.wait(pause) or self.is_lost):
            pause = interval
            if self._suspended.is_set():
                continue
            try:
                self._renew()
            except LeaseLostError as error:
                self._report_lost(error)
            except StoreError as error:
                left = self._expires_at - time.monotonic()
                if left <= 0:
                    self._report_lost(error)
                else:
                    _log.warning("cannot renew the lease, trying again: %s", error)
                    pause = min(_RETRY_S, interval, left)

    def _report_lost(self, error: StoreError) -> None:
        if self._suspended.is_set() or self._stopped.is_set():
            return
        _log.warning("the lease on the run %r is lost: %s", self._claim.run_id, error)
        self._lost.set()


class Job:
    """One claimed run and the work on it, with a heartbeat for the time of its ``with`` block.

    A block that neither finishes nor releases the run releases it when it ends, by an exception
    too: the run keeps its status, and may be claimed again if that is a queued one.
    """

    def __init__(
        self, store: Store | TenantStore, claim: Claim, run: RunRecord, lease: timedelta
    ) -> None:
        self._store = store
        self._heartbeat = Heartbeat(store, claim, lease)
        self._held = True
        #: The run as it was last read or written by this job.
        self.run = run

    @property
    def claim(self) -> Claim:
        """The claim on the run."""
        return self._heartbeat.claim

    @property
    def is_lost(self) -> bool:
        """Whether the lease is lost, so that the work should stop."""
        return self._heartbeat.is_lost

    def check(self) -> None:
        """Raise ``LeaseLostError`` if the lease is lost; call it between two steps of the work."""
        self._heartbeat.check()

    def update(self, change: Callable[[RunRecord], RunRecord]) -> RunRecord:
        """Write a change in a transaction of its own; returns the run as written.

        Raises what ``Runs.update`` raises: ``LeaseLostError`` above all, and nothing is written.
        """
        with self._store.begin() as tx:
            self.run = tx.runs.update(self.claim.run_id, change, claim=self.claim).run
        return self.run

    def finish(self, change: Callable[[RunRecord], RunRecord]) -> RunRecord:
        """Write the last change, to a terminal status, and give up the claim; returns the run.

        Raises what ``Runs.finish`` raises.
        """
        with self._heartbeat.giving_up(), self._store.begin() as tx:
            finished = tx.runs.finish(self.claim, change).run
        self.run, self._held = finished, False
        return self.run

    def release(self) -> None:
        """Give up the claim, so that the run may be claimed again if it is queued.

        Raises ``LeaseLostError`` if the lease ended before.
        """
        with self._heartbeat.giving_up(), self._store.begin() as tx:
            tx.runs.release(self.claim)
        self._held = False

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._heartbeat.stop()
        if not self._held or self.is_lost:
            return
        try:
            self.release()
        except StoreError as failure:
            if error is None:
                raise
            # What went wrong first matters more to the caller; the lease ends by itself.
            _log.warning("cannot release the run %r: %s", self.claim.run_id, failure)


class Worker:
    """Claims runs for one named worker, one at a time.

    ``name`` tells workers apart, for example host and process id. ``lease`` is how long a run waits
    for another worker when this one dies. Imported runs are passed over unless
    ``include_imported``, as by ``Runs.claim_next``.

    >>> with store.begin() as tx:
    ...     _ = tx.runs.add(run)
    >>> worker = Worker(store, "worker-1")
    >>> while job := worker.next_job():
    ...     with job:
    ...         done = job.finish(lambda run: run.changed(status="completed"))
    >>> done.status
    <RunStatus.COMPLETED: 'completed'>
    """

    def __init__(
        self,
        store: Store | TenantStore,
        name: str,
        *,
        lease: timedelta = LEASE,
        run_filter: RunFilter | None = None,
        include_imported: bool = False,
    ) -> None:
        self._store = store
        self._name = name
        self._lease = lease
        self._filter = run_filter
        self._include_imported = include_imported

    def next_job(self) -> Job | None:
        """Claim the next run; returns None if there is nothing to work on.

        The heartbeat starts with the job's ``with`` block.

        Raises ``ValueError`` if the worker's name is blank or the lease shorter than a millisecond.
        """
        with self._store.begin() as tx:
            claim = tx.runs.claim_next(
                self._name, self._lease, self._filter, include_imported=self._include_imported
            )
            if claim is None:
                return None
            run = tx.runs.get(claim.run_id)
            assert run is not None  # claimed in this very transaction
        return Job(self._store, claim, run, self._lease)

    def serve(
        self,
        work: Callable[[Job], object],
        *,
        idle: timedelta = IDLE,
        stop: threading.Event | None = None,
    ) -> None:
        """Work on runs until ``stop`` is set; waits ``idle`` between two looks at an empty queue.

        It waits less if a run stops to back off, or a lease ends, before that.

        ``work`` gets each job within its ``with`` block. A job whose lease is lost is another
        worker's, so its ``LeaseLostError`` is logged and the next run is claimed. Any other
        exception of ``work`` ends the service, after the run was released: catch it in ``work`` to
        finish the run as failed instead.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            job = self.next_job()
            if job is None:
                stop.wait(self._pause(idle).total_seconds())
                continue
            try:
                with job:
                    work(job)
            except LeaseLostError as error:
                _log.info("%s", error)

    def _pause(self, idle: timedelta) -> timedelta:
        """Return how long to wait: until a run is due, but not longer than ``idle``."""
        with self._store.read() as tx:
            due_at_ms = tx.runs.next_due(self._filter, include_imported=self._include_imported)
        if due_at_ms is None:
            return idle
        left_ms = due_at_ms - clock.now_ms()
        # By this machine's clock. If that is ahead of the database's, asking again and again until
        # the other has caught up is no way to wait. No timedelta holds the latest of moments.
        if left_ms < -_MOST_AHEAD_MS or left_ms > idle / _MILLISECOND:
            return idle
        return min(timedelta(milliseconds=max(left_ms, _SHORTEST_MS)), idle)

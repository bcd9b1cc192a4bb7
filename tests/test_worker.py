"""Workers: claims, heartbeats, and what happens when a lease is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from tandem_store import Claim, LeaseLostError, RunFilter, RunRecord, Store, open_store
from tandem_store.records import RunStatus
from tandem_store.worker import Heartbeat, Job, Worker
from tests.support.run_records import new_run

#: Short enough for a test to outlive several times, long enough for a machine that is busy.
SHORT = timedelta(seconds=1.5)
LONG = timedelta(minutes=5)


def queued(store: Store, *run_ids: str) -> None:
    """Add queued runs, the first one oldest."""
    with store.begin() as tx:
        for number, run_id in enumerate(run_ids):
            run = new_run(run_id, status="queued")
            tx.runs.add(run.changed(created_at_ms=run.created_at_ms + number))


def claimed(store: Store, worker: str, lease: timedelta) -> Claim | None:
    """Claim the next run."""
    with store.begin() as tx:
        return tx.runs.claim_next(worker, lease)


def stored(store: Store, run_id: str) -> RunRecord:
    """The run as it is stored."""
    with store.read() as tx:
        run = tx.runs.get(run_id)
    assert run is not None
    return run


def completed(run: RunRecord) -> RunRecord:
    """The run, completed."""
    return run.changed(status="completed")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, 20 seconds at most."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestHeartbeat:
    """A lease that is renewed while the work goes on."""

    def test_work_may_last_longer_than_its_lease(self, store: Store) -> None:
        """Nobody else gets the run meanwhile."""
        queued(store, "run-1")
        claim = claimed(store, "worker-1", SHORT)
        assert claim is not None

        with Heartbeat(store, claim, SHORT) as heartbeat:
            time.sleep(2 * SHORT.total_seconds())
            other = claimed(store, "worker-2", LONG)
            heartbeat.check()

        assert other is None
        assert not heartbeat.is_lost

    def test_it_stops_with_its_block(self, store: Store) -> None:
        """Then the lease ends when it was last renewed for."""
        queued(store, "run-1")
        claim = claimed(store, "worker-1", SHORT)
        assert claim is not None

        with Heartbeat(store, claim, SHORT):
            pass
        time.sleep(SHORT.total_seconds() + 0.1)

        other = claimed(store, "worker-2", LONG)
        assert other is not None
        assert other.epoch == claim.epoch + 1

    def test_a_lease_that_has_ended_is_not_kept(self, store: Store) -> None:
        """The block does not begin."""
        queued(store, "run-1")
        claim = claimed(store, "worker-1", timedelta(milliseconds=1))
        assert claim is not None
        time.sleep(0.05)

        with pytest.raises(LeaseLostError):
            with Heartbeat(store, claim, LONG):
                pytest.fail("the block began")

    def test_it_reports_that_somebody_ended_the_run(self, store: Store) -> None:
        """Within a third of the lease, and ``check`` raises from then on."""
        queued(store, "run-1")
        claim = claimed(store, "worker-1", SHORT)
        assert claim is not None

        with Heartbeat(store, claim, SHORT) as heartbeat:
            with store.begin() as tx:
                tx.runs.update("run-1", lambda run: run.changed(status="cancelled"))
            assert heartbeat.wait_until_lost(timedelta(seconds=20))
            with pytest.raises(LeaseLostError, match="'run-1' is lost"):
                heartbeat.check()

    def test_it_reports_that_another_worker_has_the_run(self, store: Store) -> None:
        """As after a pause of the whole process, which the heartbeat slept through."""
        queued(store, "run-1")
        claim = claimed(store, "worker-1", SHORT)
        assert claim is not None

        with Heartbeat(store, claim, SHORT) as heartbeat:
            with store.begin() as tx:
                tx.runs.release(heartbeat.claim)
                assert tx.runs.claim_next("worker-2", LONG) is not None
            assert heartbeat.wait_until_lost(timedelta(seconds=20))

    def test_it_survives_a_database_that_is_away_for_a_moment(self, store: Store) -> None:
        """It tries again, and the lease is not lost."""
        queued(store, "run-1")
        claim = claimed(store, "worker-1", LONG)
        assert claim is not None

        with Heartbeat(store, claim, SHORT) as heartbeat:
            renewed = heartbeat.claim
            with store.begin() as tx:
                # Whoever renews waits for this transaction.
                tx.connection.execute(text("UPDATE runs SET detail = detail"))
                time.sleep(SHORT.total_seconds() / 2)
            wait_for(lambda: heartbeat.claim != renewed)

        assert not heartbeat.is_lost

    @pytest.mark.sqlite
    def test_a_lease_that_could_not_be_renewed_counts_as_lost(self, store_url: str) -> None:
        """When it would have ended, whatever the database says later."""
        with open_store(store_url) as store:
            queued(store, "run-1")
            claim = claimed(store, "worker-1", SHORT)
            assert claim is not None
            with Heartbeat(store, claim, SHORT) as heartbeat:
                store.close()
                assert heartbeat.wait_until_lost(timedelta(seconds=20))


class TestJob:
    """One run, from its claim to its end."""

    def test_a_finished_job_gives_up_its_claim(self, store: Store) -> None:
        """And the run is as the last change made it."""
        queued(store, "run-1")
        job = Worker(store, "worker-1").next_job()
        assert job is not None

        with job:
            job.update(lambda run: run.changed(status="running"))
            running = stored(store, "run-1").status
            job.finish(completed)

        assert running is RunStatus.RUNNING
        assert stored(store, "run-1").status is job.run.status is RunStatus.COMPLETED
        with store.read() as tx:
            assert [claim.worker for claim in tx.runs.claims()] == [None]

    def test_an_exception_releases_the_run(self, store: Store) -> None:
        """So that another worker gets it at once, not when the lease ends."""
        queued(store, "run-1")
        job = Worker(store, "worker-1").next_job()
        assert job is not None

        with pytest.raises(ZeroDivisionError):
            with job:
                raise ZeroDivisionError

        assert claimed(store, "worker-2", LONG) is not None

    def test_a_lost_lease_writes_nothing(self, store: Store) -> None:
        """The successor's work stays as it is."""
        queued(store, "run-1")
        job = Worker(store, "worker-1", lease=SHORT).next_job()
        assert job is not None

        with pytest.raises(LeaseLostError):
            with job:
                with store.begin() as tx:
                    tx.runs.update("run-1", lambda run: run.changed(status="cancelled"))
                job.finish(completed)

        assert stored(store, "run-1").status is RunStatus.CANCELLED

    def test_finishing_never_counts_as_losing_the_lease(self, store: Store) -> None:
        """Not even if a renewal waits for the very transaction that finishes the run."""
        queued(store, "run-1")
        job = Worker(store, "worker-1", lease=timedelta(seconds=0.6)).next_job()
        assert job is not None

        def slowly(run: RunRecord) -> RunRecord:
            time.sleep(0.3)  # longer than a third of the lease, shorter than it
            return completed(run)

        with job:
            job.finish(slowly)

        assert not job.is_lost

    def test_a_job_that_could_not_be_finished_keeps_its_lease(self, store: Store) -> None:
        """It can be finished in another way, however long that takes."""
        queued(store, "run-1")
        job = Worker(store, "worker-1", lease=SHORT).next_job()
        assert job is not None

        with job:
            with pytest.raises(ValueError, match="terminal"):
                job.finish(lambda run: run.changed(status="paused"))
            time.sleep(SHORT.total_seconds() + 0.5)
            job.finish(lambda run: run.changed(status="failed"))

        assert stored(store, "run-1").status is RunStatus.FAILED


class TestServe:
    """The loop of a service."""

    def test_it_works_on_every_run_and_ends_when_it_is_stopped(self, store: Store) -> None:
        """Oldest first; runs that are queued while it is idle are worked on, too."""
        stop, done = threading.Event(), []

        def work(job: Job) -> None:
            job.finish(completed)
            done.append(job.run.run_id)

        queued(store, "run-1", "run-2")
        worker = Worker(store, "worker-1")
        service = threading.Thread(
            target=worker.serve,
            args=(work,),
            kwargs={"idle": timedelta(milliseconds=20), "stop": stop},
        )
        service.start()
        wait_for(lambda: len(done) == 2)
        queued(store, "run-3")
        wait_for(lambda: len(done) == 3)
        stop.set()
        service.join(20)

        assert done == ["run-1", "run-2", "run-3"]
        assert not service.is_alive()

    def test_a_run_that_was_lost_does_not_end_the_service(self, store: Store) -> None:
        """It goes on with the next one."""
        queued(store, "run-1", "run-2")
        stop = threading.Event()

        def work(job: Job) -> None:
            if job.run.run_id == "run-1":
                with store.begin() as tx:
                    tx.runs.update("run-1", lambda run: run.changed(status="cancelled"))
            else:
                stop.set()
            job.finish(completed)

        Worker(store, "worker-1").serve(work, stop=stop)

        assert stored(store, "run-1").status is RunStatus.CANCELLED
        assert stored(store, "run-2").status is RunStatus.COMPLETED

    def test_an_exception_of_the_work_ends_it(self, store: Store) -> None:
        """It is for the service to decide whether the run has failed."""
        queued(store, "run-1")

        def work(job: Job) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            Worker(store, "worker-1").serve(work)

        assert stored(store, "run-1").status is RunStatus.QUEUED

    def test_it_takes_the_runs_of_its_filter_alone(self, store: Store) -> None:
        """As ``claim_next`` does."""
        queued(store, "run-1")

        job = Worker(store, "worker-1", run_filter=RunFilter(automation_id="other")).next_job()

        assert job is None

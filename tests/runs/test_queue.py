"""The queue honours back-off: a run that is not due is not claimed, and says when it will be."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tandem_store import RunFilter, RunRecord, Store, clock
from tandem_store.records import SchedulerMetadata
from tandem_store.tables import runs
from tandem_store.worker import Job, Worker
from tests.support.legacy_runs import CREATED_MS
from tests.support.query_plans import explained
from tests.support.run_records import new_run

LEASE = timedelta(minutes=5)
HOUR_MS = 3_600_000


def backing_off(run_id: str, until_ms: int | None, **fields: Any) -> RunRecord:
    """A queued run that is tried again at a time."""
    scheduler = {"queue_reason": "retry_backoff", "retry_after_ms": until_ms}
    return new_run(run_id, **{"status": "queued", "scheduler": scheduler} | fields)


def claimed(store: Store, **how: Any) -> str | None:
    """The id of the run that a worker gets."""
    with store.begin() as tx:
        claim = tx.runs.claim_next("w", LEASE, **how)
    return None if claim is None else claim.run_id


def next_due(store: Store, **how: Any) -> int | None:
    """When there will be another one."""
    with store.read() as tx:
        return tx.runs.next_due(**how)


def add(store: Store, *runs: RunRecord) -> None:
    """Add runs."""
    with store.begin() as tx:
        tx.runs.add_many(runs)


def test_a_run_that_backs_off_is_passed_over_until_it_is_due(store: Store) -> None:
    """However old it is; one whose time has come is taken as the oldest."""
    now_ms = clock.now_ms()
    add(
        store,
        backing_off("later", now_ms + HOUR_MS, created_at_ms=CREATED_MS - 9),
        backing_off("over", now_ms - 1, created_at_ms=CREATED_MS - 8),
        new_run("fresh", status="queued"),
    )

    assert [claimed(store) for _ in range(3)] == ["over", "fresh", None]
    with store.begin() as tx:
        run = tx.runs.update("later", lambda run: run.changed(scheduler=None)).run
    assert run.scheduler is None
    assert claimed(store) == "later"


@pytest.mark.parametrize(
    "scheduler",
    [
        {"queue_reason": "retry_backoff"},
        {"queue_reason": "capacity", "retry_after_ms": 2**63},
        {"queue_reason": None, "retry_after_ms": 2**63},
    ],
)
def test_only_back_off_keeps_a_run_waiting(store: Store, scheduler: dict[str, Any]) -> None:
    """And only until a time that is named."""
    add(store, new_run("r", status="queued", scheduler=scheduler))

    assert claimed(store) == "r"
    assert next_due(store) is not None  # the end of the lease


def test_a_time_beyond_every_clock_is_never_due(store: Store) -> None:
    """The engine's numbers go further than a column."""
    add(store, backing_off("r", 2**64 - 1))

    assert claimed(store) is None
    assert next_due(store) == 2**63 - 1


def test_the_next_time_is_the_first_end_of_a_back_off_or_a_lease(store: Store) -> None:
    """Of the runs that the worker may have."""
    assert next_due(store) is None
    at_ms = clock.now_ms() + HOUR_MS
    add(store, backing_off("b", at_ms + 1), backing_off("a", at_ms, automation_id="other"))

    assert next_due(store) == at_ms
    assert next_due(store, run_filter=RunFilter(automation_id="auto-1")) == at_ms + 1
    assert next_due(store, run_filter=RunFilter(automation_id="none")) is None

    add(store, new_run("now", status="queued"))
    with store.begin() as tx:
        claim = tx.runs.claim_next("w", LEASE)
    assert claim is not None
    assert next_due(store) == claim.expires_at_ms
    with store.begin() as tx:
        tx.runs.finish(claim, lambda run: run.changed(status="completed"))
    assert next_due(store) == at_ms


def test_a_lease_that_ends_does_not_make_a_run_due(store: Store) -> None:
    """Its worker put the run off, and died before it gave it back."""
    add(store, new_run("r", status="queued"))
    now_ms = clock.now_ms()

    def put_off(until_ms: int) -> None:
        scheduler = SchedulerMetadata(queue_reason="retry_backoff", retry_after_ms=until_ms)
        with store.begin() as tx:
            tx.runs.update("r", lambda run: run.changed(scheduler=scheduler))

    with store.begin() as tx:
        claim = tx.runs.claim_next("w", LEASE)
    assert claim is not None
    put_off(claim.expires_at_ms + HOUR_MS)
    assert next_due(store) == claim.expires_at_ms + HOUR_MS
    put_off(now_ms + 1)
    assert next_due(store) == claim.expires_at_ms

    with store.begin() as tx:
        tx.connection.execute(update(runs).values(claim_expires_at_ms=now_ms - 1))
    put_off(now_ms + HOUR_MS)
    assert claimed(store) is None
    assert next_due(store) == now_ms + HOUR_MS
    put_off(now_ms)
    assert claimed(store) == "r"


def test_a_worker_wakes_when_a_run_is_due(store: Store) -> None:
    """Long before it would look again."""
    add(store, backing_off("r", clock.now_ms() + 300))
    done, stop = list[str](), threading.Event()

    def work(job: Job) -> None:
        done.append(job.finish(lambda run: run.changed(status="completed")).run_id)
        stop.set()

    service = threading.Thread(
        target=Worker(store, "w").serve,
        args=(work,),
        kwargs={"idle": timedelta(hours=1), "stop": stop},
        daemon=True,
    )
    service.start()
    service.join(30)

    assert done == ["r"]


class StopAtOnce(threading.Event):
    """Stops a worker when it first waits, and notes for how many seconds it would have."""

    waits: float | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Stop instead."""
        self.waits = timeout
        self.set()
        return True


def test_a_worker_waits_for_no_time_beyond_every_calendar(store: Store) -> None:
    """It looks again after the usual time."""
    add(store, backing_off("r", 2**64 - 1))
    stop = StopAtOnce()

    Worker(store, "w").serve(lambda job: None, idle=timedelta(seconds=60), stop=stop)

    assert stop.waits == 60


@pytest.mark.postgresql
def test_a_worker_whose_clock_is_ahead_waits_as_usual(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not ask a hundred times a second."""
    now_ms = clock.now_ms()
    add(store, backing_off("r", now_ms + HOUR_MS))
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms + 2 * HOUR_MS)
    stop = StopAtOnce()

    Worker(store, "w").serve(lambda job: None, idle=timedelta(seconds=60), stop=stop)

    assert stop.waits == 60


def test_due_runs_and_others_can_be_listed(store: Store) -> None:
    """And counted; a run that is not queued is neither."""
    now_ms = clock.now_ms()
    add(
        store,
        backing_off("later", now_ms + HOUR_MS),
        backing_off("over", now_ms - 1),
        new_run("fresh", status="queued"),
        new_run("done"),
    )

    with store.read() as tx:
        found = {
            due: {run.run_id for run in tx.runs.list(RunFilter(due=due)).items}
            for due in (True, False)
        }
        (later,) = tx.runs.list(RunFilter(due=False)).items

    assert found == {True: {"over", "fresh"}, False: {"later"}}
    assert later.not_due_before_ms == now_ms + HOUR_MS


@pytest.mark.sqlite
def test_the_next_time_is_read_from_two_short_indexes(store: Store) -> None:
    """However many runs there are."""
    add(store, *(backing_off(f"r{number}", 2**62 + number) for number in range(50)))
    with store.read() as tx:
        plans = explained(tx.connection, tx.runs.next_due, "EXPLAIN QUERY PLAN")

    assert ["ix_runs_due" in plans[0], "ix_runs_leases" in plans[1]] == [True, True]
    assert "TEMP B-TREE" not in plans[0]


def test_the_scheduler_of_a_record_says_when(store: Store) -> None:
    """As a service writes it."""
    at_ms = clock.now_ms() + HOUR_MS
    with store.begin() as tx:
        tx.runs.add(RunRecord.new("r", "nightly"))
        tx.runs.update(
            "r",
            lambda run: run.changed(
                scheduler=SchedulerMetadata(queue_reason="retry_backoff", retry_after_ms=at_ms)
            ),
        )

    assert claimed(store) is None
    assert next_due(store) == at_ms

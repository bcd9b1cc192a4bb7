"""Claims: each run is one worker's at a time, and a late worker is told so."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tandem_store import Claim, LeaseLostError, RunFilter, RunRecord, Store, Versioned, tables
from tandem_store.runs import Runs
from tandem_store.runs.claims import refuse_unless_working
from tests.support.changes import to
from tests.support.legacy_runs import CREATED_MS
from tests.support.run_records import new_run

LEASE = timedelta(minutes=5)
LOST = (
    r"^The lease of '\w+' on the run '\w+' has ended, or another worker took the run over\. Stop "
    r"working on it; nothing was written\. Renew a lease before it ends, or ask for a longer one\.$"
)
ENDED = (
    r"^The run 'r' has ended meanwhile, as cancelled\. Stop working on it and release it; nothing "
    r"was written\.$"
)
NAMELESS = r"^A worker needs a name that is not blank, as host and process id\.$"


def add(store: Store, *runs: RunRecord) -> None:
    """Add runs in one transaction."""
    with store.begin() as tx:
        tx.runs.add_many(runs)


def claim_next(store: Store, worker: str = "w", lease: timedelta = LEASE, **how) -> Claim | None:
    """Claim in a transaction of its own."""
    with store.begin() as tx:
        return tx.runs.claim_next(worker, lease, **how)


def let_run_out(store: Store) -> None:
    """Put the end of every lease into the past, as if the workers had died long ago."""
    with store.begin() as tx:
        held = tables.runs.c.claimed_by.is_not(None)
        tx.connection.execute(
            update(tables.runs).where(held).values(claim_expires_at_ms=CREATED_MS)
        )


def stored(store: Store, run_id: str = "r") -> Versioned:
    """The run as it is now."""
    with store.read() as tx:
        found = tx.runs.get_versioned(run_id)
    assert found is not None
    return found


def queued(run_id: str, **fields) -> RunRecord:
    """A queued run."""
    return new_run(run_id, status="queued", **fields)


def test_the_oldest_queued_run_is_taken_first_and_once(store: Store) -> None:
    """Runs created together go by their ids; runs in another status are not taken."""
    add(
        store,
        queued("young", created_at_ms=CREATED_MS + 2),
        queued("b"),
        queued("a"),
        new_run("done", created_at_ms=CREATED_MS - 9),
        new_run("busy", status="running", created_at_ms=CREATED_MS - 9),
    )

    taken = [claim_next(store) for _ in range(4)]

    assert [claim and claim.run_id for claim in taken] == ["a", "b", "young", None]


def test_a_claim_changes_neither_the_record_nor_its_revision(store: Store) -> None:
    """It is columns beside the record."""
    add(store, queued("r"))
    before = stored(store)

    claim = claim_next(store, "worker\0")

    assert claim is not None
    assert (claim.worker, claim.epoch) == ("worker\0", 1)
    assert stored(store) == before
    with store.read() as tx:
        assert list(tx.runs.claims()) == [claim]


def test_a_filter_narrows_what_is_claimed(store: Store) -> None:
    """A worker may serve some automations only."""
    add(store, queued("a"), queued("b", automation_id="other"))

    claim = claim_next(store, run_filter=RunFilter(automation_id="other"))

    assert claim is not None
    assert claim.run_id == "b"
    assert claim_next(store, run_filter=RunFilter(automation_id="other")) is None


def test_imported_runs_wait_until_they_are_asked_for(store: Store) -> None:
    """Years-old queued runs do not start because somebody migrated."""
    add(store, queued("old"), queued("new", created_at_ms=CREATED_MS + 1))
    with store.begin() as tx:
        old = tables.runs.c.run_id == "old"
        tx.connection.execute(update(tables.runs).where(old).values(imported=True))

    first = claim_next(store)
    second = claim_next(store)
    third = claim_next(store, include_imported=True)

    assert first is not None
    assert third is not None
    assert (first.run_id, second, third.run_id) == ("new", None, "old")


def test_an_imported_run_that_a_service_wrote_is_claimed_like_any_other(store: Store) -> None:
    """Whoever queues it again means it."""
    add(store, queued("r"))
    with store.begin() as tx:
        tx.connection.execute(update(tables.runs).values(imported=True))
        tx.runs.update("r", lambda run: run)

    assert claim_next(store) is not None


@pytest.mark.parametrize("status", ["queued", "running", "pausing"])
def test_a_lease_that_ran_out_is_taken_over(store: Store, status: str) -> None:
    """Work that was begun goes first; what the dead worker held is of no use to it any more."""
    add(store, queued("r"))
    first = claim_next(store)
    assert first is not None
    add(store, queued("older", created_at_ms=CREATED_MS - 1))
    with store.begin() as tx:
        tx.runs.update("r", to(status=status), claim=first)
    let_run_out(store)

    second = claim_next(store, "successor")

    assert second is not None
    assert (second.run_id, second.epoch, second.worker) == ("r", 2, "successor")
    with pytest.raises(LeaseLostError, match=LOST), store.begin() as tx:
        tx.runs.finish(first, to(status="completed"))


@pytest.mark.parametrize("status", ["paused", "awaiting_approval", "completed"])
def test_a_run_that_waits_for_somebody_or_ended_is_not_taken_over(
    store: Store, status: str
) -> None:
    """Nobody was at work on it when the lease ran out."""
    add(store, queued("r"))
    claim = claim_next(store)
    with store.begin() as tx:
        tx.runs.update("r", to(status=status), claim=claim)
    let_run_out(store)

    assert claim_next(store) is None


def test_a_held_run_is_nobody_elses(store: Store) -> None:
    """Neither queued nor running, as long as the lease lasts."""
    add(store, queued("r"))
    claim = claim_next(store)

    assert claim_next(store, "other") is None
    with store.begin() as tx:
        tx.runs.update("r", to(status="running"), claim=claim)
    assert claim_next(store, "other") is None


def test_an_imported_run_is_taken_over_only_by_who_asked_for_such(store: Store) -> None:
    """A lease that ran out makes it no less imported."""
    add(store, queued("r"))
    with store.begin() as tx:
        tx.connection.execute(update(tables.runs).values(imported=True))
    assert claim_next(store, include_imported=True) is not None
    let_run_out(store)

    assert claim_next(store) is None
    assert claim_next(store, include_imported=True) is not None


def test_the_lease_that_ended_first_is_taken_over_first(store: Store) -> None:
    """A run that nobody can finish does not keep the others waiting."""
    add(store, queued("old"), queued("young", created_at_ms=CREATED_MS + 1))
    for run_id, ended_ms in (("old", 9), ("young", 5)):
        with store.begin() as tx:
            tx.runs.claim_next("w", LEASE, RunFilter(text=run_id))
            itself = tables.runs.c.run_id == run_id
            tx.connection.execute(
                update(tables.runs).where(itself).values(claim_expires_at_ms=ended_ms)
            )

    taken = [claim_next(store), claim_next(store)]

    assert [claim and claim.run_id for claim in taken] == ["young", "old"]


@pytest.mark.parametrize("call", ["renew", "release", "finish", "update"])
def test_a_claim_does_not_outlive_its_run(store: Store, call: str) -> None:
    """A run that is deleted and added again is another one, also to a worker of the same name."""
    add(store, queued("r"))
    first = claim_next(store)
    with store.begin() as tx:
        tx.runs.delete("r")
    add(store, queued("r", detail="second life"))
    second = claim_next(store)
    assert first is not None
    assert second is not None
    assert (first.worker, first.epoch) == (second.worker, second.epoch)

    with pytest.raises(LeaseLostError), store.begin() as tx:
        use(tx.runs, call, first)

    assert stored(store).run.detail == "second life"
    with store.begin() as tx:
        tx.runs.finish(second, to(status="completed"))


def use(runs: Runs, call: str, claim: Claim) -> None:
    """Do one of the things that a claim is good for."""
    if call == "renew":
        runs.renew(claim, LEASE)
    elif call == "release":
        runs.release(claim)
    elif call == "finish":
        runs.finish(claim, to(status="completed"))
    else:
        runs.update("r", to(status="running"), claim=claim)


@pytest.mark.parametrize(
    "changes", [{"worker": "other"}, {"worker": None}, {"epoch": 2}, {"token": 7}, {"token": None}]
)
@pytest.mark.parametrize("call", ["renew", "release", "finish", "update"])
def test_every_part_of_a_claim_counts(store: Store, call: str, changes: dict) -> None:
    """Who, for the which time, and by which draw."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None

    with pytest.raises(LeaseLostError), store.begin() as tx:
        use(tx.runs, call, replace(claim, **changes))

    assert stored(store).revision == 1


def test_a_lease_that_is_lost_while_the_change_is_made_writes_nothing(store: Store) -> None:
    """The fence is part of the write, not only of the look before it."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None

    with store.begin() as tx:

        def meanwhile(run: RunRecord) -> RunRecord:
            epoch = tables.runs.c.claim_epoch
            taken = {"claimed_by": "other", "claim_epoch": epoch + 1, "claim_token": 5}
            tx.connection.execute(update(tables.runs).values(**taken))
            return run.model_copy(update={"status": "completed"})

        with pytest.raises(LeaseLostError):
            tx.runs.finish(claim, meanwhile)

    assert (stored(store).revision, stored(store).run.status) == (1, "queued")


@pytest.mark.parametrize("call", ["renew", "finish", "update"])
def test_a_run_that_an_operator_ended_is_not_the_workers_any_more(store: Store, call: str) -> None:
    """The worker finds out by whatever it does next, undoes nothing, and can only let go."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None
    with store.begin() as tx:
        cancelled = tx.runs.update("r", to(status="cancelled"))

    with pytest.raises(LeaseLostError, match=ENDED), store.begin() as tx:
        use(tx.runs, call, claim)

    assert stored(store) == cancelled
    with store.begin() as tx:
        tx.runs.release(claim)


@pytest.mark.parametrize("end", ["ran out", "taken over", "released", "deleted"])
@pytest.mark.parametrize("call", ["renew", "release", "finish", "update"])
def test_whoever_lost_the_lease_can_do_nothing_with_it(store: Store, call: str, end: str) -> None:
    """A lease that ran out is lost, whether somebody else came or not."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None
    if end == "deleted":
        with store.begin() as tx:
            tx.runs.delete("r")
    elif end == "released":
        with store.begin() as tx:
            tx.runs.release(claim)
    else:
        let_run_out(store)
    if end == "taken over":
        assert claim_next(store) is not None
    with store.read() as tx:
        before = tx.runs.get_versioned("r"), list(tx.runs.claims())

    with pytest.raises(LeaseLostError), store.begin() as tx:
        use(tx.runs, call, claim)

    with store.read() as tx:
        assert (tx.runs.get_versioned("r"), list(tx.runs.claims())) == before


def test_renewing_moves_the_end_of_the_lease(store: Store) -> None:
    """From now on, not from the old end; shorter is possible, too."""
    add(store, queued("r"))
    claim = claim_next(store, lease=timedelta(seconds=30))
    assert claim is not None

    with store.begin() as tx:
        longer = tx.runs.renew(claim, timedelta(hours=1))
        shorter = tx.runs.renew(longer, timedelta(minutes=1))

    assert claim.expires_at_ms is not None
    assert longer.expires_at_ms is not None
    assert shorter.expires_at_ms is not None
    assert longer.expires_at_ms > shorter.expires_at_ms > claim.expires_at_ms
    with store.read() as tx:
        assert list(tx.runs.claims()) == [shorter]


def test_finishing_ends_the_run_and_lets_go(store: Store) -> None:
    """The record as ``update`` would leave it, and no claim left but its epoch."""
    add(store, queued("r", finished_at_ms=None))
    claim = claim_next(store)
    assert claim is not None

    with store.begin() as tx:
        finished = tx.runs.finish(claim, to(status="failed"))

    assert stored(store) == finished
    assert finished.revision == 2
    assert finished.run.finished_at_ms == finished.run.updated_at_ms
    with store.read() as tx:
        assert list(tx.runs.claims()) == [
            Claim(run_id="r", worker=None, epoch=1, expires_at_ms=None)
        ]


def test_finishing_needs_a_terminal_status(store: Store) -> None:
    """A run that goes on is not finished; the claim stays."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None

    with store.begin() as tx, pytest.raises(ValueError, match="release"):
        tx.runs.finish(claim, to(status="running"))

    with store.read() as tx:
        assert list(tx.runs.claims()) == [claim]


def test_a_released_run_can_be_claimed_again(store: Store) -> None:
    """With a greater epoch, so that who let go cannot come back."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None
    with store.begin() as tx:
        tx.runs.release(claim)

    again = claim_next(store)

    assert again is not None
    assert again.epoch == 2


def test_an_update_leaves_the_claim_alone(store: Store) -> None:
    """An operator may write to a run that a worker holds, and the worker can still finish it."""
    add(store, queued("r"))
    claim = claim_next(store)
    assert claim is not None
    with store.begin() as tx:
        tx.runs.update("r", lambda run: run.model_copy(update={"detail": "hurry"}))

    with store.begin() as tx:
        finished = tx.runs.finish(claim, to(status="completed"))

    assert finished.run.detail == "hurry"


def test_a_record_of_a_newer_version_is_left_to_newer_workers(store: Store) -> None:
    """It would stop this worker and every other, again and again."""
    add(store, queued("new"), queued("old", created_at_ms=CREATED_MS + 1))
    with store.begin() as tx:
        new = tables.runs.c.run_id == "new"
        tx.connection.execute(update(tables.runs).where(new).values(schema_version=99))

    claim = claim_next(store)

    assert claim is not None
    assert claim.run_id == "old"


def test_a_claim_that_is_rolled_back_was_never_made(store: Store) -> None:
    """The transaction decides, as for everything else."""
    add(store, queued("r"))
    with pytest.raises(RuntimeError), store.begin() as tx:
        assert tx.runs.claim_next("w", LEASE) is not None
        raise RuntimeError

    claim = claim_next(store)

    assert claim is not None
    assert claim.epoch == 1


@pytest.mark.parametrize("claim", [None, "r", ("r", 1)])
def test_what_is_no_claim_is_refused(store: Store, claim: Any) -> None:
    """As when claim_next gave None and nobody looked."""
    with store.begin() as tx:
        for call in ("renew", "release"):
            with pytest.raises(TypeError, match="claim_next"):
                use(tx.runs, call, claim)


@pytest.mark.parametrize("worker", ["", " ", "\t\n"])
def test_a_worker_has_a_name(store: Store, worker: str) -> None:
    """A blank one could not be told from another."""
    with store.begin() as tx, pytest.raises(ValueError, match=NAMELESS):
        tx.runs.claim_next(worker, LEASE)


@pytest.mark.parametrize("lease", [timedelta(0), timedelta(microseconds=999), -LEASE, 300])
def test_a_lease_is_a_length_of_time(store: Store, lease: timedelta) -> None:
    """A number could be seconds or milliseconds, and one that has ended already holds nothing."""
    add(store, queued("r"))
    with store.begin() as tx:
        with pytest.raises(ValueError, match="timedelta"):
            tx.runs.claim_next("w", lease)
        claim = tx.runs.claim_next("w", LEASE)
        assert claim is not None
        with pytest.raises(ValueError, match="timedelta"):
            tx.runs.renew(claim, lease)


def test_a_lease_ends_that_much_after_the_present(store: Store) -> None:
    """In milliseconds since 1970, by the clock of the database, here the one of this machine."""
    add(store, queued("r"))
    before_ms = time.time_ns() // 1_000_000

    claim = claim_next(store, lease=timedelta(seconds=100))

    after_ms = time.time_ns() // 1_000_000
    assert claim is not None
    assert claim.expires_at_ms is not None
    assert before_ms - 1 <= claim.expires_at_ms - 100_000 <= after_ms + 1


def test_claims_are_listed_by_their_ids_once_there_was_one(store: Store) -> None:
    """Released ones too, because their epoch goes on; a run that nobody claimed is not listed."""
    for run_id in "dbac":
        add(store, queued(run_id, created_at_ms=CREATED_MS - ord(run_id)))
    held = [claim_next(store, worker) for worker in ("w3", "w2", "w1")]
    with store.begin() as tx:
        tx.runs.release(held[0])

    with store.read() as tx:
        listed = [(claim.run_id, claim.worker, claim.epoch) for claim in tx.runs.claims()]

    assert listed == [("b", "w1", 1), ("c", "w2", 1), ("d", None, 1)]


def test_a_claim_is_renewed_beside_others(store: Store) -> None:
    """Only the run that it is on is touched."""
    add(store, queued("r1"), queued("r2"))
    one, other = claim_next(store), claim_next(store)
    assert one is not None

    with store.begin() as tx:
        renewed = tx.runs.renew(one, 2 * LEASE)

    with store.read() as tx:
        assert list(tx.runs.claims()) == [renewed, other]


def test_a_lease_may_be_one_millisecond(store: Store) -> None:
    """Fractions of it are dropped."""
    add(store, queued("r"))
    claim = claim_next(store, lease=timedelta(microseconds=1_999))
    assert claim is not None
    assert type(claim.expires_at_ms) is int

    claim_next(store, lease=timedelta(milliseconds=1))


def test_a_lease_has_ended_at_its_end() -> None:
    """The last moment belongs to whoever claims next."""
    claim = Claim(run_id="r", worker="w", epoch=1, expires_at_ms=5, token=7)
    row = {"claim_epoch": 1, "claim_token": 7, "claimed_by": "w", "claim_expires_at_ms": 5}
    row["status"] = "running"

    refuse_unless_working(claim, row, now_ms=4)
    with pytest.raises(LeaseLostError):
        refuse_unless_working(claim, row, now_ms=5)
    with pytest.raises(LeaseLostError):
        refuse_unless_working(claim, {**row, "claim_expires_at_ms": "soon"}, now_ms=4)

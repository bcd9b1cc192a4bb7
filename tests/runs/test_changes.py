"""Updates keep the engine's rules, and what the store does not take is refused at every door."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from tandem_store import (
    ConflictError,
    NotFoundError,
    RunFilter,
    RunRecord,
    Store,
    UnstorableError,
    tables,
)
from tandem_store.month import LAST_MILLISECOND, Month
from tandem_store.records import TERMINAL_STATUSES, RunStatus
from tandem_store.runs.rules import changed
from tests.support.changes import to
from tests.support.legacy_runs import CREATED_MS
from tests.support.run_records import new_run

STATUSES = st.sampled_from(sorted(RunStatus))
TIMES = st.one_of(st.none(), st.integers(0, 2**40))
SCHEDULER = {"queued_at_ms": 5, "queue_reason": "capacity"}


@given(
    before=STATUSES,
    after=STATUSES,
    old_ms=st.integers(0, 2**40),
    now_ms=st.integers(0, 2**40),
    finished_ms=TIMES,
)
def test_what_follows_from_a_change(
    before: RunStatus, after: RunStatus, old_ms: int, now_ms: int, finished_ms: int | None
) -> None:
    """Time never stands still, only what is queued is scheduled, and what ended says when."""
    run = new_run(
        "r", status=before, updated_at_ms=old_ms, finished_at_ms=finished_ms, scheduler=SCHEDULER
    )

    result = changed(run, to(status=after), now_ms=now_ms)

    assert result.status == after
    assert result.updated_at_ms == max(now_ms, old_ms + 1)
    assert result.scheduler == (run.scheduler if after == "queued" else None)
    if after in TERMINAL_STATUSES and finished_ms is None:
        assert result.finished_at_ms == result.updated_at_ms
    else:
        assert result.finished_at_ms == finished_ms


def test_an_update_reads_changes_and_writes(store: Store) -> None:
    """What it gives is what is stored."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", status="queued", scheduler=SCHEDULER))
        written = tx.runs.update("r", to(status=RunStatus.RUNNING, detail="x\0"))

    with store.read() as tx:
        assert tx.runs.get_versioned("r") == written
    assert (written.revision, written.run.detail, written.run.scheduler) == (2, "x\0", None)
    assert abs(written.run.updated_at_ms - time.time_ns() // 1_000_000) < 60_000


def test_an_update_moves_the_run_to_the_present_month(store: Store) -> None:
    """In the same transaction, row and document together."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
    with store.begin() as tx:
        written = tx.runs.update("r", to(detail="now"))

    present = Month.of_ms(written.run.updated_at_ms)
    with store.read() as tx:
        assert [month.month for month in tx.months.list() if month.runs] == [present]
        assert tx.runs.get("r") == written.run


def test_an_update_tries_again_if_another_writer_comes_in_between(store: Store) -> None:
    """Nothing of the other's work is lost; only a server lets two write at once."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", total_tokens=0))
        is_server = tx.connection.dialect.name == "postgresql"
    seen: list[int] = []

    def add_one(run: RunRecord) -> RunRecord:
        seen.append(run.total_tokens)
        if is_server and len(seen) == 1:
            with_another_connection(store)
        return run.model_copy(update={"total_tokens": run.total_tokens + 1})

    with store.begin() as tx:
        written = tx.runs.update("r", add_one)

    assert seen == ([0, 10] if is_server else [0])
    assert written.run.total_tokens == (11 if is_server else 1)
    assert written.revision == (3 if is_server else 2)


def with_another_connection(store: Store) -> None:
    """Write to the run as another process would, in the middle of somebody's update."""

    def write() -> None:
        with store.begin() as tx:
            tx.runs.update("r", to(total_tokens=10))

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()


def test_updating_an_absent_run_is_told(store: Store) -> None:
    """An update never makes a run."""
    with store.begin() as tx, pytest.raises(NotFoundError, match="'r'"):
        tx.runs.update("r", to(detail="x"))


@pytest.mark.parametrize("result", [None, "r", {"run_id": "r"}, new_run("another")])
def test_a_change_returns_the_changed_run(store: Store, result: Any) -> None:
    """Forgetting the return would otherwise write nothing, or something else."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with pytest.raises(ValueError, match=r"run\.changed"):
            tx.runs.update("r", lambda _: result)
        assert tx.runs.get_versioned("r").revision == 1  # type: ignore[union-attr]


def test_an_error_in_a_change_changes_nothing(store: Store) -> None:
    """It comes out as it is, and the transaction can go on."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with pytest.raises(ZeroDivisionError):
            tx.runs.update("r", lambda run: run.model_copy(update={"total_tokens": 1 // 0}))
        assert tx.runs.get("r") == new_run("r")


def test_what_an_update_gives_is_what_is_read_back(store: Store) -> None:
    """Whatever kinds the change put in, as long as they can be read."""
    loose = {"status": "running", "checkpoint": {"pending_nodes": ["a"]}, "estimated_cost_usd": 1}
    with store.begin() as tx:
        tx.runs.add(new_run("r"))

        written = tx.runs.update("r", to(**loose))

        assert written == tx.runs.get_versioned("r")
        assert written.run.checkpoint.pending_nodes == ["a"]
        assert type(written.run.status) is RunStatus


def test_a_change_that_writes_the_run_itself_is_told(store: Store) -> None:
    """It would never come to an end."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))

        def meddle(run: RunRecord) -> RunRecord:
            tx.runs.update("r", to(detail="inner"))
            return run

        with pytest.raises(ConflictError, match="by its own change"):
            tx.runs.update("r", meddle)


def test_time_ends_with_the_year_9999(store: Store) -> None:
    """A run dated there can still be changed, and does not stop its worker for ever."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", updated_at_ms=LAST_MILLISECOND))

        written = tx.runs.update("r", to(detail="x"))

    assert written.run.updated_at_ms == LAST_MILLISECOND


DOORS = {
    "add": lambda runs, run: runs.add(run.model_copy(update={"run_id": "new"})),
    "add_many": lambda runs, run: runs.add_many([run.model_copy(update={"run_id": "new"})]),
    "save": lambda runs, run: runs.save(run, force=True),
    "update": lambda runs, run: runs.update("r", lambda _: run),
}


def nested(levels: int) -> list[Any]:
    """A list in a list in a list."""
    return [nested(levels - 1)] if levels else []


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("open_context_run", {"trigger_type": "recovered_context_run", "status": "running"}),
    ("out_of_range", {"created_at_ms": LAST_MILLISECOND + 1}),
    ("out_of_range", {"total_tokens": 2**63}),
    ("id_too_long", {"automation_id": "x" * 1_025}),
    ("malformed", {"status": "asleep"}),
    ("malformed", {"status": ["completed"]}),
    ("malformed", {"checkpoint": None}),
    ("malformed", {"checkpoint": {"node_outputs": {"a": nested(300)}}}),
    ("malformed", {"checkpoint": {"node_outputs": {"a": 1, 2: "b"}}}),
    ("malformed", {"checkpoint": {"node_outputs": {"a": object()}}}),
    ("malformed", {"estimated_cost_usd": float("nan")}),
    ("malformed", {"total_tokens": 2**70}),
    ("malformed", {"total_tokens": True}),
    ("malformed", {"detail": "\udc80"}),
    ("malformed", {"stop_reason": "\ud800"}),
    ("malformed", {"unknown_to_us": {1, 2}}),
]


@pytest.mark.parametrize("door", sorted(DOORS))
def test_what_the_store_does_not_take_is_refused_at_every_door(store: Store, door: str) -> None:
    """With a code and a sentence, and the transaction can go on."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        for reason, fields in REFUSED:
            refused = new_run("r").model_copy(update=fields)
            with pytest.raises(UnstorableError, match=r"'(r|new)'") as told:
                DOORS[door](tx.runs, refused)
            assert told.value.reason == reason, fields
        assert tx.runs.get("r") == new_run("r")
        assert tx.runs.count() == 1


@pytest.mark.parametrize("run", [None, {"run_id": "r"}, "r"])
def test_only_records_are_stored(store: Store, run: Any) -> None:
    """A dict is not read by guess."""
    with store.begin() as tx:
        for door in ("add", "add_many", "save"):
            call = {"add": tx.runs.add, "add_many": lambda one: tx.runs.add_many([one])}
            with pytest.raises(TypeError, match="model_validate"):
                call.get(door, lambda one: tx.runs.save(one, force=True))(run)


def test_a_message_does_not_quote_a_megabyte(store: Store) -> None:
    """An id may be anything."""
    with store.begin() as tx, pytest.raises(NotFoundError) as told:
        tx.runs.delete("x" * 1_000_000)

    assert len(str(told.value)) < 1_000


def test_an_id_that_no_run_can_have_is_absent(store: Store) -> None:
    """Lone surrogates are no text, but a question about them has an answer."""
    for run_id in ("\ud800", "a\udfff", "\udc80"):
        assert_absent(store, run_id)


def assert_absent(store: Store, run_id: str) -> None:
    """Whatever is asked about the id."""
    with store.begin() as tx:
        assert tx.runs.get(run_id) is None
        assert not tx.runs.exists(run_id)
        assert tx.runs.count(RunFilter(automation_id=run_id)) == 0
        with pytest.raises(NotFoundError):
            tx.runs.delete(run_id)


@pytest.mark.parametrize("revision", ["1", 1.0, True])
def test_a_revision_is_a_whole_number(store: Store, revision: Any) -> None:
    """As get_versioned gave it."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with pytest.raises(TypeError, match="expected_revision"):
            tx.runs.save(new_run("r"), expected_revision=revision)


@pytest.mark.parametrize("run_filter", [{}, [], {"status": "failed"}, "failed", 0])
def test_what_is_no_filter_is_refused(store: Store, run_filter: Any) -> None:
    """An empty dict does not mean all runs."""
    with store.begin() as tx:
        for question in (tx.runs.list, tx.runs.count, tx.runs.iterate, tx.runs.stats):
            with pytest.raises(TypeError, match="RunFilter"):
                question(run_filter)
        with pytest.raises(TypeError, match="RunFilter"):
            tx.runs.claim_next("w", timedelta(minutes=1), run_filter)


def test_an_id_that_others_add_and_delete_is_taken_or_added(store: Store) -> None:
    """Never an error of the database."""

    def add_and_delete(_: int) -> int:
        conflicts = 0
        for _ in range(15):
            try:
                with store.begin() as tx:
                    tx.runs.add(new_run("r"))
                with store.begin() as tx:
                    tx.runs.delete("r")
            except (ConflictError, NotFoundError):
                conflicts += 1
        return conflicts

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_and_delete, range(4)))

    with store.read() as tx:
        assert tx.runs.count() <= 1


def test_a_context_run_that_ended_is_a_run_until_it_goes_on(store: Store) -> None:
    """It may be stored and changed, but not be made to run again."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", trigger_type="recovered_context_run"))
        tx.runs.update("r", to(detail="seen"))
        with pytest.raises(UnstorableError):
            tx.runs.update("r", to(status=RunStatus.QUEUED))
        assert tx.runs.count() == 1


def test_a_context_run_that_has_not_ended_is_never_listed(store: Store) -> None:
    """However it got there."""
    with store.begin() as tx:
        tx.runs.add_many([new_run("r"), new_run("s")])
        tx.connection.execute(
            update(tables.runs)
            .where(tables.runs.c.run_id == "r")
            .values(trigger_type="recovered_context_run", status="queued")
        )

    with store.begin() as tx:
        assert [run.run_id for run in tx.runs.list().items] == ["s"]
        assert tx.runs.list(RunFilter(status="queued")).items == ()
        assert tx.runs.count() == 1
        assert [run.run_id for run in tx.runs.iterate()] == ["s"]
        assert sum(entry.runs for entry in tx.runs.stats()) == 1


def test_many_runs_are_added_at_once(store: Store) -> None:
    """Over several months, more than one statement takes."""
    runs = [new_run(f"r{n:04}", hours=n) for n in range(1_200)]

    with store.begin() as tx:
        assert tx.runs.add_many(iter(runs)) == 1_200
        assert tx.runs.add_many([]) == 0

    with store.read() as tx:
        assert list(tx.runs.iterate(newest_first=False)) == runs
        assert len(list(tx.months.in_use())) == 3


@pytest.mark.parametrize("taken", [["r", "r"], ["s", "old"]])
def test_of_many_runs_none_is_added_if_one_cannot_be(store: Store, taken: list[str]) -> None:
    """An id is taken, or given twice; the transaction can go on."""
    with store.begin() as tx:
        tx.runs.add(new_run("old"))
        with pytest.raises(ConflictError):
            tx.runs.add_many(new_run(run_id) for run_id in ["first", *taken])
        tx.runs.add(new_run("after"))

    with store.read() as tx:
        assert [stored.run_id for stored in tx.runs.documents_by_id()] == ["after", "old"]
        snapshots = select(tables.automation_snapshots.c.id)
        assert len(tx.connection.execute(snapshots).all()) == 1


def test_saving_keeps_the_times_that_it_is_given(store: Store) -> None:
    """Save writes what it gets; the engine's rules are those of update."""
    run = new_run("r", status="running", scheduler=SCHEDULER, updated_at_ms=CREATED_MS)
    with store.begin() as tx:
        tx.runs.add(run)
        tx.runs.save(run, expected_revision=1)

        assert tx.runs.get("r") == run

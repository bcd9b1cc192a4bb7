"""Several processes on one store: nothing is lost, nothing is done twice, nobody is turned away.

Each rule is tried for some seconds with every run of the tests, and for a minute by
``make test-long``, which prints the figures.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tandem_store import Store, open_store
from tests.store import contenders
from tests.store.contenders import HOT, Told, at_once
from tests.support.run_records import new_run
from tests.support.stored import document_counts

SECONDS = [2, pytest.param(60, marks=pytest.mark.slow)]


def summed(told: list[Told]) -> Counter[str]:
    """What all of them did together."""
    return sum((one.done for one in told), Counter())


def show(title: str, told: list[Told], seconds: float | None = None) -> None:
    """Print figures, for those who asked to see them."""
    times = sorted(time for one in told for time in one.latencies)
    rate = f", {len(times) / seconds:,.0f} a second" if seconds else ""
    if times:
        print(
            f"\n{title}: {len(times):,} calls{rate}, p50 {times[len(times) // 2] * 1e3:.1f} ms, "
            f"p99 {times[int(len(times) * 0.99)] * 1e3:.1f} ms, longest {times[-1] * 1e3:.0f} ms"
        )


@pytest.fixture
def hot_url(store_url: str) -> str:
    """A store with the runs that everybody writes to, in the month that some move them from."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many(new_run(run_id, total_tokens=0) for run_id in HOT)
    return store_url


@pytest.mark.parametrize("seconds", SECONDS)
def test_no_update_is_lost(hot_url: str, seconds: float) -> None:
    """Four processes, twenty runs: every increment counts, and nobody finds the store locked."""
    told = at_once(*((contenders.increment, (hot_url, seconds, seed)) for seed in range(4)))

    show("updates, 4 processes", told, seconds)
    made = summed(told)
    assert counted(hot_url) == {run_id: made[run_id] for run_id in HOT}
    assert all(one.done.total() for one in told)


@pytest.mark.parametrize("seconds", SECONDS)
def test_no_update_is_lost_while_runs_move_from_month_to_month(
    hot_url: str, seconds: float
) -> None:
    """Nor is a run ever seen without its document, and it ends up in one month alone."""
    *told, moved, looked = at_once(
        *((contenders.increment, (hot_url, seconds, seed)) for seed in range(4)),
        (contenders.move_months, (hot_url, seconds, 5)),
        (contenders.look, (hot_url, seconds, 6)),
    )

    show("updates, 4 processes, beside moves and a reader", told, seconds)
    show("reads", [looked], seconds)
    print(f"moves: {moved.done['moved']:,}, of which conflicts: {moved.done['conflicts']:,}")
    made = summed(told)
    assert counted(hot_url) == {run_id: made[run_id] for run_id in HOT}
    assert moved.done["moved"] > 0
    assert looked.done["looked"] > 0
    with open_store(hot_url) as store, store.read() as tx:
        assert len(list(tx.runs.iterate())) == len(HOT)
        months = tx.months.list()
        assert sum(month.runs for month in months) == len(HOT)
        assert [month.month for month in months if month.bytes] == [
            month.month for month in months if month.runs
        ]
        held = document_counts(tx.connection, [month.month for month in months])
        assert held == [month.runs for month in months]


def counted(url: str) -> dict[str, int]:
    """The tokens of each hot run."""
    with open_store(url) as store, store.read() as tx:
        return {run.run_id: run.total_tokens for run in tx.runs.list(limit=1_000).items}


@pytest.mark.parametrize(
    ("processes", "runs"), [(4, 200), pytest.param(8, 2_000, marks=pytest.mark.slow)]
)
def test_every_queued_run_is_worked_off_once(store_url: str, processes: int, runs: int) -> None:
    """Whoever slept past the end of its lease is told so; whoever took over finishes the run."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many(new_run(f"r{n:04}", status="queued", total_tokens=0) for n in range(runs))
    lease = timedelta(seconds=1)

    told = at_once(*((contenders.work_off, (store_url, lease, n)) for n in range(processes)))

    show(f"claims, {processes} processes, {runs} runs", told)
    made = summed(told)
    print({name: made[name] for name in ("slept", "too late", "taken over")})
    finished = [name for name in made if name.startswith("finished ")]
    assert len(finished) == runs
    assert {made[name] for name in finished} == {1}
    assert made["too late"] == made["taken over"] >= made["slept"] > 0
    with open_store(store_url) as store, store.read() as tx:
        for run in tx.runs.iterate():
            assert (run.status, run.total_tokens) == ("completed", 1)


@pytest.mark.parametrize("runs", [250, pytest.param(5_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("newest_first", [True, False])
def test_a_walk_meets_every_surviving_run_once_while_others_come_and_go(
    store_url: str, runs: int, newest_first: bool
) -> None:
    """All were created at the same moment; forwards to the end, and backwards to the start."""
    survivors = [f"run-{n * 5_000 // runs:04}" for n in range(runs)]
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many(new_run(run_id) for run_id in survivors)

    told, walked = at_once(
        (contenders.come_and_go, (store_url, 4.0, 1)),
        (walk, (store_url, newest_first)),
    )

    assert min(told.done["added"], told.done["deleted"]) > 0
    expected = survivors[::-1] if newest_first else survivors
    for ids in (walked.forwards, walked.backwards[::-1]):
        assert [run_id for run_id in ids if run_id.count("-") == 1] == expected
        assert len(ids) == len(set(ids))


class Walked(Told):
    """The ids that a walk met, in the order in which it met them."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards: list[str] = []
        self.backwards: list[str] = []


def walk(url: str, newest_first: bool) -> Walked:
    """Page by page to the end, then back; each page in a transaction of its own."""
    walked = Walked()
    with open_store(url) as store:
        page = page_at(store, None, newest_first)
        walked.forwards += [run.run_id for run in page.items]
        while page.next_cursor is not None:
            page = page_at(store, page.next_cursor, newest_first)
            walked.forwards += [run.run_id for run in page.items]
        walked.backwards += [run.run_id for run in page.items[::-1]]
        while page.previous_cursor is not None:
            page = page_at(store, page.previous_cursor, newest_first)
            walked.backwards += [run.run_id for run in page.items[::-1]]
    return walked


def page_at(store: Store, cursor: str | None, newest_first: bool):
    """One page of seven runs."""
    with store.read() as tx:
        return tx.runs.list(limit=7, cursor=cursor, newest_first=newest_first)

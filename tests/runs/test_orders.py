"""Lists in every order: exact with ties and without values, in both directions, under writers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem_store import InvalidFilterError, RunFilter, RunSummary, Store, open_store
from tandem_store.records import RunOrder
from tests.support.legacy_runs import CREATED_MS
from tests.support.query_plans import explained
from tests.support.run_records import new_run

COLUMNS = {
    RunOrder.CREATED: "created_at_ms",
    RunOrder.UPDATED: "updated_at_ms",
    RunOrder.FINISHED: "finished_at_ms",
    RunOrder.DURATION: "duration_ms",
    RunOrder.COST: "estimated_cost_usd",
    RunOrder.TOKENS: "total_tokens",
}
FEW = st.integers(0, 2)


class Key(NamedTuple):
    """What a run is made from: few values, so that many are equal, and an id that has them all."""

    created: int
    updated: int
    started: int | None
    finished: int | None
    cost: float
    tokens: int
    text: str

    def fields(self) -> dict[str, Any]:
        """The fields of the run."""
        return {
            "created_at_ms": CREATED_MS + self.created,
            "updated_at_ms": CREATED_MS + self.updated,
            "started_at_ms": None if self.started is None else CREATED_MS + self.started,
            "finished_at_ms": None if self.finished is None else CREATED_MS + self.finished,
            "estimated_cost_usd": self.cost,
            "total_tokens": self.tokens,
        }

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return "".join(map(str, self))


KEYS = st.builds(
    Key,
    created=FEW,
    updated=FEW,
    started=st.none() | FEW,
    finished=st.none() | FEW,
    cost=st.sampled_from([0.0, 0.1, 1e300]),
    tokens=st.sampled_from([0, 7, 2**63 - 1]),
    text=st.text(alphabet="a\0é", max_size=1),
)
STEPS = st.lists(st.tuples(st.booleans(), KEYS), max_size=3)
EXAMPLES = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def shared_store(lasting_url: str) -> Iterator[Store]:
    """One store for all examples of the properties; each empties it first."""
    with open_store(lasting_url) as store:
        yield store


def refill(store: Store, keys: Iterable[Key]) -> None:
    """Make these the only runs."""
    with store.begin() as tx:
        for run in list(tx.runs.iterate()):
            tx.runs.delete(run.run_id)
        for key in keys:
            tx.runs.add(new_run(key.run_id, **key.fields()))


def change(store: Store, present: set[Key], steps: Iterable[tuple[bool, Key]]) -> None:
    """Add runs and delete others, as far as that is possible."""
    with store.begin() as tx:
        for adds, key in steps:
            if adds and key not in present:
                tx.runs.add(new_run(key.run_id, **key.fields()))
                present.add(key)
            elif not adds and key in present:
                tx.runs.delete(key.run_id)
                present.discard(key)


def in_order(
    found: Iterable[RunSummary], order: RunOrder, *, newest_first: bool
) -> list[RunSummary]:
    """The runs as a list must have them, sorted by Python."""
    column = COLUMNS[order]
    with_value = [run for run in found if getattr(run, column) is not None]
    without = [run for run in found if getattr(run, column) is None]
    with_value.sort(key=lambda run: (getattr(run, column), run.run_id), reverse=newest_first)
    without.sort(key=lambda run: run.run_id, reverse=newest_first)
    return [*with_value, *without]


def ids(runs: Iterable[RunSummary]) -> list[str]:
    """The ids of runs."""
    return [run.run_id for run in runs]


@EXAMPLES
@given(
    keys=st.sets(KEYS, max_size=12),
    changes=st.lists(STEPS, max_size=6),
    order=st.sampled_from(RunOrder),
    newest_first=st.booleans(),
    limit=st.integers(1, 4),
)
def test_a_walk_meets_each_survivor_once_in_every_order(
    shared_store: Store,
    keys: set[Key],
    changes: Sequence[list[tuple[bool, Key]]],
    order: RunOrder,
    newest_first: bool,
    limit: int,
) -> None:
    """Whatever is added and deleted between two pages."""
    refill(shared_store, keys)
    present, survivors, pending = set(keys), set(keys), iter(changes)
    seen: list[RunSummary] = []
    cursor = None
    while True:
        with shared_store.read() as tx:
            page = tx.runs.list(
                limit=limit, cursor=cursor, order_by=order, newest_first=newest_first
            )
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
        change(shared_store, present, next(pending, []))
        survivors &= present

    assert ids(seen) == ids(in_order(set_of(seen), order, newest_first=newest_first))
    assert {key.run_id for key in survivors} <= set(ids(seen))


def set_of(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs, each once."""
    return list({run.run_id: run for run in runs}.values())


@EXAMPLES
@given(
    keys=st.sets(KEYS, max_size=12),
    order=st.sampled_from(RunOrder),
    newest_first=st.booleans(),
    limit=st.integers(1, 4),
)
def test_the_way_back_has_the_same_pages(
    shared_store: Store, keys: set[Key], order: RunOrder, newest_first: bool, limit: int
) -> None:
    """From the last page to the first, over the place where runs begin to have no value."""
    refill(shared_store, keys)
    pages = []
    cursor = None
    with shared_store.read() as tx:
        while True:
            page = tx.runs.list(
                limit=limit, cursor=cursor, order_by=order, newest_first=newest_first
            )
            pages.append(page)
            if (cursor := page.next_cursor) is None:
                break
        back = [pages[-1]]
        while (cursor := back[-1].previous_cursor) is not None:
            back.append(
                tx.runs.list(limit=limit, cursor=cursor, order_by=order, newest_first=newest_first)
            )

    assert [page.items for page in back] == [page.items for page in pages[::-1]]
    found = [run for page in pages for run in page.items]
    assert len(found) == len(keys)
    assert found == in_order(found, order, newest_first=newest_first)


def test_an_unknown_order_is_refused_with_the_known_ones(store: Store) -> None:
    """It would otherwise be a puzzle."""
    with store.read() as tx, pytest.raises(InvalidFilterError) as refused:
        tx.runs.list(order_by="age")

    assert str(refused.value) == (
        "Runs cannot be sorted by 'age', but by created, updated, finished, duration, cost, tokens."
    )


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("order", RunOrder)
def test_each_order_walks_its_index(
    store: Store, database: str, order: RunOrder, newest_first: bool
) -> None:
    """With a cursor and without one, on both databases; nothing is sorted."""
    with store.begin() as tx:
        for number in range(8):
            finished = CREATED_MS + number if number % 2 else None
            run = new_run(f"r{number}", started_at_ms=CREATED_MS, finished_at_ms=finished)
            tx.runs.add(run)

    with store.read() as tx:
        page = tx.runs.list(limit=2, order_by=order, newest_first=newest_first)
        looks = [
            plan
            for cursor in (None, page.next_cursor)
            for plan in plans(
                tx.connection,
                database,
                lambda cursor=cursor: tx.runs.list(  # type: ignore[misc]
                    RunFilter(), limit=9, cursor=cursor, order_by=order, newest_first=newest_first
                ),
            )
        ]

    # Half of the runs have no end, so the list is two walks, before the cursor and behind it.
    has_two = order in (RunOrder.FINISHED, RunOrder.DURATION, RunOrder.COST, RunOrder.TOKENS)
    assert len(looks) == (4 if has_two else 2)
    for plan in looks:
        assert f"ix_runs_{order.value}" in plan
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan


def plans(connection: Any, database: str, question: Any) -> list[str]:
    """How the database answers each statement that a question sends, with indexes if it can."""
    if database == "postgresql":
        # So few rows are read faster without an index; what matters is what is possible.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        return explained(connection, question, "EXPLAIN")
    return explained(connection, question, "EXPLAIN QUERY PLAN")

"""Pages: by key, so that what happens between two of them moves nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem_store import (
    InvalidCursorError,
    RunFilter,
    RunRecord,
    RunStatus,
    RunSummary,
    Store,
    open_store,
)
from tandem_store.records import RunOrder
from tandem_store.runs.cursors import RunCursors
from tandem_store.runs.orders import Ordering, Position, Side
from tandem_store.runs.selection import Selection
from tests.support import legacy_runs
from tests.support.legacy_runs import CREATED_MS
from tests.support.query_plans import sent
from tests.support.run_records import new_run

ENGINES = "automation-v2-run-02c93153-c250-432c-9d4f-d6cde090c2e5"
IDS = st.text(alphabet="ab\0\x01\U0001f600é", max_size=3)
KEYS = st.tuples(st.integers(0, 2), IDS)
CURSORS = RunCursors.of(Selection(), Ordering())
STEPS = st.lists(st.tuples(st.sampled_from(["add", "delete"]), KEYS), max_size=4)


def made(key: tuple[int, str]) -> RunRecord:
    """A run that was created at one of a few times; its id says which, so ids stay unique."""
    at, text = key
    return RunRecord.model_validate(
        legacy_runs.run(f"{at}{text}", created_at_ms=CREATED_MS + at, updated_at_ms=CREATED_MS + at)
    )


@pytest.fixture(scope="module")
def shared_store(lasting_url: str) -> Iterator[Store]:
    """One store for all examples of the properties; each empties it first."""
    with open_store(lasting_url) as store:
        yield store


def refill(store: Store, keys: set[tuple[int, str]]) -> None:
    """Make these the only runs."""
    with store.begin() as tx:
        for run in list(tx.runs.iterate()):
            tx.runs.delete(run.run_id)
        for key in sorted(keys):
            tx.runs.add(made(key))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    keys=st.sets(KEYS, max_size=14),
    changes=st.lists(STEPS, max_size=8),
    limit=st.integers(1, 4),
    newest_first=st.booleans(),
)
def test_a_walk_meets_each_surviving_run_once(
    shared_store: Store,
    keys: set[tuple[int, str]],
    changes: list[list[tuple[str, tuple[int, str]]]],
    limit: int,
    newest_first: bool,
) -> None:
    """Runs added or deleted between two pages neither repeat nor hide others."""
    refill(shared_store, keys)
    present, survivors, ever = set(keys), set(keys), set(keys)
    seen: list[tuple[int, str]] = []
    cursor, pending = None, iter(changes)

    while True:
        with shared_store.read() as tx:
            page = tx.runs.list(limit=limit, cursor=cursor, newest_first=newest_first)
        seen += [(run.created_at_ms, run.run_id) for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        with shared_store.begin() as tx:
            for action, key in next(pending, []):
                if action == "add" and key not in present:
                    tx.runs.add(made(key))
                    present.add(key)
                    ever.add(key)
                elif action == "delete" and key in present:
                    tx.runs.delete(made(key).run_id)
                    present.discard(key)
                    survivors.discard(key)

    assert seen == sorted(set(seen), reverse=newest_first)
    assert {place(key) for key in survivors} <= set(seen) <= {place(key) for key in ever}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    keys=st.sets(KEYS, max_size=14),
    steps=st.lists(st.tuples(st.booleans(), STEPS), max_size=14),
    limit=st.integers(1, 4),
    newest_first=st.booleans(),
)
def test_wherever_one_turns_the_next_page_is_what_lies_beside_the_last(
    shared_store: Store,
    keys: set[tuple[int, str]],
    steps: list[tuple[bool, list[tuple[str, tuple[int, str]]]]],
    limit: int,
    newest_first: bool,
) -> None:
    """Forwards and backwards in any sequence, with runs coming and going in between."""
    refill(shared_store, keys)
    present = {place(key) for key in keys}
    with shared_store.read() as tx:
        page = tx.runs.list(limit=limit, newest_first=newest_first)

    for forwards, changes in steps:
        shown = [(run.created_at_ms, run.run_id) for run in page.items]
        cursor = page.next_cursor if forwards else page.previous_cursor
        if cursor is None:
            continue
        change(shared_store, present, changes)
        with shared_store.read() as tx:
            page = tx.runs.list(limit=limit, cursor=cursor, newest_first=newest_first)

        found = [(run.created_at_ms, run.run_id) for run in page.items]
        assert found == sorted(found, reverse=newest_first)
        assert (page.previous_cursor if forwards else page.next_cursor) is not None
        if shown:  # else it is about an empty page, whose place no longer shows
            greater = forwards is not newest_first
            edge = shown[-1] if forwards else shown[0]
            beyond = [one for one in present if (one > edge if greater else one < edge)]
            nearest = sorted(beyond, reverse=not greater)[:limit]
            assert found == (nearest if forwards else nearest[::-1])


def change(
    store: Store, present: set[tuple[int, str]], steps: list[tuple[str, tuple[int, str]]]
) -> None:
    """Add and delete runs, those that are not there yet and those that are."""
    with store.begin() as tx:
        for action, key in steps:
            if action == "add" and place(key) not in present:
                tx.runs.add(made(key))
                present.add(place(key))
            elif action == "delete" and place(key) in present:
                tx.runs.delete(made(key).run_id)
                present.discard(place(key))


def place(key: tuple[int, str]) -> tuple[int, str]:
    """Where the run of a key stands in the order of listings."""
    return CREATED_MS + key[0], f"{key[0]}{key[1]}"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(keys=st.sets(KEYS, max_size=14), limit=st.integers(1, 4), newest_first=st.booleans())
def test_backwards_is_the_reverse_of_forwards(
    shared_store: Store, keys: set[tuple[int, str]], limit: int, newest_first: bool
) -> None:
    """Going back from the last page gives the pages that one came by, each as it was."""
    refill(shared_store, keys)
    pages = []
    cursor: str | None = None
    with shared_store.read() as tx:
        while True:
            pages.append(tx.runs.list(limit=limit, cursor=cursor, newest_first=newest_first))
            cursor = pages[-1].next_cursor
            if cursor is None:
                break

        back = [pages[-1]]
        while (cursor := back[-1].previous_cursor) is not None:
            back.append(tx.runs.list(limit=limit, cursor=cursor, newest_first=newest_first))

    assert [page.items for page in back] == [page.items for page in pages[::-1]]
    assert [run for page in pages for run in page.items] == list(
        summaries(shared_store, newest_first)
    )


def summaries(store: Store, newest_first: bool) -> list[RunSummary]:
    """All of it on one page."""
    with store.read() as tx:
        return list(tx.runs.list(limit=1_000, newest_first=newest_first).items)


@pytest.fixture
def paged(store: Store) -> Store:
    """A store with nine runs of two automations, created at the same moment."""
    with store.begin() as tx:
        for n in range(9):
            tx.runs.add(new_run(f"r{n}", automation_id=f"a{n % 2}"))
    return store


def test_pages_come_newest_first_and_end_without_a_cursor(paged: Store) -> None:
    """Among runs created together the ids decide."""
    with paged.read() as tx:
        first = tx.runs.list(limit=5)
        second = tx.runs.list(limit=5, cursor=first.next_cursor)
        exact = tx.runs.list(limit=9)

    assert [run.run_id for run in (*first.items, *second.items)] == [
        f"r{n}" for n in range(8, -1, -1)
    ]
    assert second.next_cursor is None
    assert exact.next_cursor is None


def test_a_list_carries_the_columns_and_the_revision(store: Store) -> None:
    """A summary says what a document says, without reading it."""
    run = new_run("r\0", org="x", detail="d\0", stop_kind="panic", total_tokens=3)
    with store.begin() as tx:
        tx.runs.add(run)
        tx.runs.save(run, expected_revision=1)

    with store.read() as tx:
        (summary,) = tx.runs.list().items

    assert isinstance(summary, RunSummary)
    assert (summary.run_id, summary.detail, summary.stop_kind) == ("r\0", "d\0", "panic")
    assert summary.status is RunStatus.COMPLETED
    assert (summary.revision, summary.completed_nodes, summary.total_tokens) == (2, 2, 3)
    assert summary.month.label == "2026-05"


@pytest.mark.parametrize(
    ("run_filter", "newest_first"),
    [
        (RunFilter(automation_id="a1"), True),
        (RunFilter(), True),
        (RunFilter(automation_id="a0", created_from=datetime(2026, 1, 1, tzinfo=UTC)), True),
        (RunFilter(automation_id="a0"), False),
    ],
)
def test_a_cursor_of_another_filter_or_order_is_refused(
    paged: Store, run_filter: RunFilter, newest_first: bool
) -> None:
    """Going on with another question would silently skip runs."""
    with paged.read() as tx:
        cursor = tx.runs.list(RunFilter(automation_id="a0"), limit=2).next_cursor

        with pytest.raises(InvalidCursorError) as refused:
            tx.runs.list(run_filter, cursor=cursor, newest_first=newest_first)
    assert str(refused.value) == (
        "The cursor is damaged, or was made for another filter, tenant or order. Use it with the "
        "same filter as the page it came from, or start again without a cursor."
    )


def test_an_empty_page_leads_back(paged: Store) -> None:
    """Where all that followed was deleted meanwhile, and all that came before."""
    with paged.begin() as tx:
        first = tx.runs.list(limit=4)
        second = tx.runs.list(limit=4, cursor=first.next_cursor)
        for run_id in ("r0", "r1", "r2", "r3", "r4"):
            tx.runs.delete(run_id)

    with paged.read() as tx:
        nothing = tx.runs.list(limit=4, cursor=first.next_cursor)
        again = tx.runs.list(limit=4, cursor=nothing.previous_cursor)
    assert (nothing.items, nothing.next_cursor) == ((), None)
    assert nothing.previous_cursor is not None
    assert again.items == first.items

    with paged.begin() as tx:
        tx.runs.add_many([new_run("r4"), new_run("r3")])
        for run_id in ("r5", "r6", "r7", "r8"):
            tx.runs.delete(run_id)
    with paged.read() as tx:
        nothing = tx.runs.list(limit=4, cursor=second.previous_cursor)
        again = tx.runs.list(limit=4, cursor=nothing.next_cursor)
    assert (nothing.items, nothing.previous_cursor) == ((), None)
    assert nothing.next_cursor is not None
    assert [run.run_id for run in again.items] == ["r4", "r3"]


def test_a_lone_page_has_no_neighbours(paged: Store) -> None:
    """Whatever its order."""
    with paged.read() as tx:
        for newest_first in (True, False):
            page = tx.runs.list(limit=9, newest_first=newest_first)
            assert (page.next_cursor, page.previous_cursor) == (None, None)


def test_a_filter_in_other_words_takes_the_same_cursor(paged: Store) -> None:
    """A set of one name means what the name means."""
    with paged.read() as tx:
        cursor = tx.runs.list(RunFilter(automation_id="a0"), limit=2).next_cursor
        page = tx.runs.list(RunFilter(automation_id=["a0"]), cursor=cursor)

    assert [run.run_id for run in page.items] == ["r4", "r2", "r0"]


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"min_cost_usd": 0}, {"min_cost_usd": 0.0}),
        ({"automation_id": ["a0", "\ud800"]}, {"automation_id": {"\ud800", "a0"}}),
    ],
)
def test_a_filter_that_is_equal_takes_the_same_cursor(
    paged: Store, given: dict[str, Any], same: dict[str, Any]
) -> None:
    """Also beside a name that no run can have."""
    one, other = RunFilter(**given), RunFilter(**same)
    with paged.read() as tx:
        first = tx.runs.list(one, limit=2)
        second = tx.runs.list(other, limit=2, cursor=first.next_cursor)

    assert one == other
    assert len({run.run_id for run in (*first.items, *second.items)}) == 4


@pytest.mark.parametrize(
    "cursor", ["", "x", "====", "é", "\0", "W10", "e30", "bnVsbA", "eyJhdCI6MSwiaWQiOiJhIn0"]
)
def test_what_was_never_a_cursor_is_refused(store: Store, cursor: str) -> None:
    """Any text at all gets the same clear refusal."""
    with store.read() as tx, pytest.raises(InvalidCursorError):
        tx.runs.list(cursor=cursor)


#: Made by the release that had the first cursors of version 2.
KEPT = {
    True: (
        "eyJhdCI6MTc3OTIzNTIwMDAwMCwiY2hlY2siOiJlNDAwYzYwZGI3NmRjNDYzIiw"
        "iaWQiOiJyNiIsIm9yZGVyIjoibmV3ZXN0Iiwic2lkZSI6ImFmdGVyIiwidiI6Mn0"
    ),
    False: (
        "eyJhdCI6MTc3OTIzNTIwMDAwMCwiY2hlY2siOiJiOGIxYTc2YTZmNGNiZGY4Iiw"
        "iaWQiOiJyMiIsIm9yZGVyIjoib2xkZXN0Iiwic2lkZSI6ImFmdGVyIiwidiI6Mn0"
    ),
}


@pytest.mark.parametrize(
    ("newest_first", "expected"), [(True, ["r4", "r2"]), (False, ["r4", "r6"])]
)
def test_a_cursor_that_was_kept_goes_on(
    paged: Store, newest_first: bool, expected: list[str]
) -> None:
    """Programs keep cursors for longer than an upgrade takes, so their form stays."""
    with paged.read() as tx:
        page = tx.runs.list(
            RunFilter(automation_id="a0"),
            limit=2,
            cursor=KEPT[newest_first],
            newest_first=newest_first,
        )

    assert [run.run_id for run in page.items] == expected


@pytest.mark.parametrize("at", [0, 1, 2**63 - 1])
def test_a_cursor_can_stand_at_any_time(at: int) -> None:
    """The first and the last that a column holds, too."""
    position = Position(at, "r")

    assert CURSORS.decode(CURSORS.encode(position)) == position


@pytest.mark.parametrize("at", [-1, None, 1.5, float("nan")])
@pytest.mark.parametrize("run_id", ["r", "r\0"])
def test_a_cursor_to_no_position_is_refused_although_its_check_is_right(
    at: Any, run_id: str
) -> None:
    """The check is no signature: anyone can make one, and no database takes these values."""
    with pytest.raises(InvalidCursorError, match="damaged"):
        CURSORS.decode(CURSORS.encode(Position(at, run_id)))


def in_json(at: Any, run_id: Any) -> str:
    """A cursor as version 2 made them, to all runs behind a position."""
    body = {"v": 2, "order": "newest", "side": "after", "at": at, "id": run_id}
    facts = [orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in (body, Selection().facts())]
    check = sha256(b"[%b]" % b",".join(facts)).hexdigest()[:16]
    signed = orjson.dumps({**body, "check": check}, option=orjson.OPT_SORT_KEYS)
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


@pytest.mark.parametrize(
    ("at", "run_id"), [(-1, "r"), (2**63, "r"), (True, "r"), (None, "r"), (0, 5), (0, "r\0")]
)
def test_neither_is_one_of_the_version_before(at: Any, run_id: Any) -> None:
    """Which could hold anything that JSON can."""
    assert CURSORS.decode(in_json(1, "r")) == Position(1, "r")
    with pytest.raises(InvalidCursorError, match="damaged"):
        CURSORS.decode(in_json(at, run_id))


def test_the_version_before_knew_no_other_order() -> None:
    """Its positions are times of creation."""
    for order in set(RunOrder) - {RunOrder.CREATED}:
        with pytest.raises(InvalidCursorError):
            RunCursors.of(Selection(), Ordering(order)).decode(in_json(1, "r"))


@pytest.mark.parametrize(
    "run_id", ["", "r", "automation-v2-run-", ENGINES, ENGINES.upper(), "é\x01"]
)
@pytest.mark.parametrize("order", RunOrder)
@pytest.mark.parametrize("side", Side)
def test_a_cursor_is_read_as_it_was_written(run_id: str, order: RunOrder, side: Side) -> None:
    """Whatever the id, the order and the direction."""
    cursors = RunCursors.of(Selection(), Ordering(order))
    value = 0.1 if order is RunOrder.COST else 7
    for place in (value, None) if cursors.ordering.column.nullable else (value,):
        position = Position(place, run_id, side)
        assert cursors.decode(cursors.encode(position)) == position


def test_a_cursor_is_short() -> None:
    """For an id of the engine it fits beside a command, in a line of 80 columns."""
    assert len(CURSORS.encode(Position(CREATED_MS, ENGINES))) == 43


def test_a_filter_for_text_that_no_run_has_takes_no_cursor(store: Store) -> None:
    """JSON has no lone surrogates, so no cursor was ever made for it."""
    with store.read() as tx, pytest.raises(InvalidCursorError):
        tx.runs.list(RunFilter(automation_id="\ud800"), cursor=CURSORS.encode(Position(0, "r")))


def test_a_page_reads_one_run_more_than_it_shows(paged: Store) -> None:
    """Which tells that another page follows, and costs no more however many there are."""
    with paged.read() as tx:
        statements = sent(tx.connection, lambda: tx.runs.list(limit=3))

    statement, parameters = statements[-1]
    limits = parameters.values() if isinstance(parameters, dict) else parameters
    assert "LIMIT" in statement
    assert 4 in limits


def test_a_cursor_with_one_character_changed_is_refused(paged: Store) -> None:
    """Damage never moves a page to another place."""
    with paged.read() as tx:
        cursor = tx.runs.list(limit=2).next_cursor
        assert cursor is not None
        assert base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        for at in range(len(cursor)):
            damaged = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
            with pytest.raises(InvalidCursorError):
                tx.runs.list(cursor=damaged)


@pytest.mark.parametrize("limit", [2.5, "5", True, None])
def test_a_limit_is_a_whole_number(store: Store, limit: Any) -> None:
    """Nothing is guessed."""
    with store.read() as tx, pytest.raises(TypeError, match="limit"):
        tx.runs.list(limit=limit)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_page_holds_1_to_1000_runs(store: Store, limit: int) -> None:
    """A limit that would load the whole store is a mistake, not a wish."""
    with store.read() as tx, pytest.raises(ValueError, match="1 to 1,000"):
        tx.runs.list(limit=limit)

"""Health, approvals and activity are what plain loops over the complete records say.

On the sample state, on everything that a state directory can hold, and on drawn runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem_store import PendingApproval, RunFilter, RunRecord, Store, clock, open_store
from tandem_store.clock import EPOCH
from tandem_store.records import QueueReason, RunGroup, RunStatus, WaitsFor
from tandem_store.runs import RunReader
from tandem_store.testing.strategies import runs
from tests.importer.traps import lay_all
from tests.support import REPOSITORY, plain_answers
from tests.support.importing import imported
from tests.support.state_directories import StateDir

#: Between the first and the last run of the examples.
MIDDLE_MS = 1_788_000_000_000


def everything(tx_runs: RunReader, **options: Any) -> list[PendingApproval]:
    """Every approval, by pages of two."""
    found: list[PendingApproval] = []
    cursor: str | None = None
    while True:
        page = tx_runs.approvals(limit=2, cursor=cursor, **options)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


def assert_answers_agree(store: Store, now_ms: int, since_ms: int) -> None:
    """All of them, for all automations there are and one that there is not."""
    since = EPOCH + timedelta(milliseconds=since_ms)
    with store.read() as tx:
        records = list(tx.runs.iterate())
        ids = {run.automation_id for run in records}
        assert tx.runs.automation_ids() == tuple(sorted(ids))

        for automation_id in sorted(ids | {"nobody"}):
            for last in (1, 3, 50):
                figures = asdict(tx.runs.health(automation_id, last=last))
                assert figures.pop("computed_at_ms") > 0
                assert figures == plain_answers.health(records, automation_id, last)

        pending = plain_answers.approvals(records, now_ms)
        assert [asdict(one) for one in everything(tx.runs, now_ms=now_ms)] == pending
        late = [one for one in pending if one["overdue"]]
        assert [asdict(one) for one in everything(tx.runs, now_ms=now_ms, overdue=True)] == late

        expected = plain_answers.activity(records, since_ms)
        assert without_cost(map(asdict, tx.runs.automations(since=since))) == without_cost(expected)
        for one in expected:
            found = tx.runs.automation(one["automation_id"], since=since)
            assert found is not None
            assert found.estimated_cost_usd == pytest.approx(one["estimated_cost_usd"], abs=1e-9)
            assert without_cost([asdict(found)]) == without_cost([one])

        assert_runs_agree(tx.runs, records)


def assert_runs_agree(runs: RunReader, records: list[RunRecord]) -> None:
    """The answers about single runs: groups, waiting, back-off; and tokens by day."""
    now_ms = clock.now_ms()
    by_id = {run.run_id: run for run in records}
    summaries = {run.run_id: run for run in runs.list(limit=1_000).items}
    assert summaries.keys() == by_id.keys()
    for run_id, summary in summaries.items():
        assert summary.group == plain_answers.group(by_id[run_id])
        assert (summary.waits_for, summary.waits_for_detail) == plain_answers.waits_for(
            by_id[run_id]
        )

    def ids(**conditions: Any) -> set[str]:
        return {one.run_id for one in runs.list(RunFilter(**conditions), limit=1_000).items}

    for group in RunGroup:
        assert ids(group=group) == {
            one.run_id for one in records if plain_answers.group(one) == group
        }
    for kind in WaitsFor:
        waiting = {one.run_id for one in records if plain_answers.waits_for(one)[0] == kind}
        assert ids(waits_for=kind) == waiting
    for due in (True, False):
        assert ids(due=due) == {
            one.run_id for one in records if plain_answers.is_due(one, now_ms) is due
        }
    days = {(one.day - EPOCH.date()).days: one for one in runs.stats(by="day") if one.day}
    found = {day: (one.runs, one.total_tokens) for day, one in days.items()}
    assert found == plain_answers.tokens_by_day(records)


def without_cost(found: Any) -> list[dict[str, Any]]:
    """Activities without their cost, whose last digits depend on the order of a sum."""
    return [
        {name: value for name, value in one.items() if name != "estimated_cost_usd"}
        for one in found
    ]


def test_the_answers_about_the_example_are_the_engines(url: str) -> None:
    """Six automations, one approval, and runs that the engine compacted."""
    imported(url, REPOSITORY / "examples" / "state")

    with open_store(url) as store:
        assert_answers_agree(store, MIDDLE_MS, MIDDLE_MS)


def test_the_answers_about_all_traps_are_the_engines(url: str, state: StateDir) -> None:
    """Compacted, recovered and damaged copies among them."""
    lay_all(state)
    imported(url, state.root)

    with open_store(url) as store:
        assert_answers_agree(store, MIDDLE_MS, 1_779_235_200_000)


OUTPUTS = st.dictionaries(
    st.sampled_from(["draft", "review"]),
    st.sampled_from(
        [
            None,
            "text",
            {"status": "completed"},
            {"status": "Needs_Repair"},
            {"status": "needs_repair", "validator_summary": {"outcome": "passed"}},
            {"validator_summary": {"outcome": "FAILED"}},
            {"validator_summary": {"outcome": "accepted_with_warnings"}},
            {"validator_summary": {"outcome": "blocked"}, "status": 1},
            {"validator_summary": "failed"},
        ]
    ),
    max_size=2,
)
TIMES = st.integers(0, 12)
GATES = st.fixed_dictionaries(
    {"node_id": st.just("publish"), "title": st.sampled_from(["Publish?", "\0", ""])},
    optional={
        "requested_at_ms": TIMES | st.just(2**64 - 1),
        "expiry_policy": st.fixed_dictionaries(
            {"on_expiry": st.just("cancel")}, optional={"expires_after_ms": TIMES}
        ),
    },
)
#: Reasons to wait, of which several may come together.
WAITING = st.fixed_dictionaries(
    {"status": st.sampled_from([status.value for status in RunStatus])},
    optional={
        "pause_reason": st.sampled_from(["", "budget\0"]),
        "scheduler": st.fixed_dictionaries(
            {"queue_reason": st.none() | st.sampled_from([one.value for one in QueueReason])},
            optional={
                "resource_key": st.sampled_from(["", "gpu"]),
                "rate_limited_provider": st.just("acme-ai"),
                "retry_after_ms": TIMES | st.just(2**64 - 1),
            },
        ),
    },
)


@st.composite
def telling_runs(draw: st.DrawFn) -> RunRecord:
    """Draw runs of two automations with much of what the answers depend on."""
    run = draw(
        runs(
            automation_id=st.sampled_from(["one", "\0two"]),
            created_at_ms=TIMES,
            started_at_ms=st.none() | TIMES,
            finished_at_ms=st.none() | TIMES,
            stop_kind=st.none() | st.sampled_from(["operator_stopped", "cancelled"]),
            estimated_cost_usd=st.floats(0, 1_000),
        )
    )
    value = run.to_legacy()
    checkpoint = value["checkpoint"]
    if draw(st.booleans()):
        checkpoint["node_outputs"] = draw(OUTPUTS)
        checkpoint["completed_nodes"] = draw(st.sampled_from([[], ["draft"]]))
    if draw(st.booleans()):
        checkpoint["node_attempts"] = draw(st.dictionaries(st.text(max_size=2), TIMES, max_size=3))
    if draw(st.booleans()):
        checkpoint["awaiting_gate"] = {"requested_at_ms": 0, **draw(GATES)}
    if draw(st.booleans()):
        value |= draw(WAITING)
        checkpoint["blocked_nodes"] = draw(st.sampled_from([[], ["upload", "draft"]]))
    return RunRecord.model_validate(value)


@pytest.fixture(scope="module")
def shared_store(lasting_url: str) -> Iterator[Store]:
    """One store for all examples of the property; each empties it first."""
    with open_store(lasting_url) as store:
        yield store


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    drawn=st.lists(telling_runs(), max_size=9, unique_by=lambda run: run.run_id),
    now_ms=TIMES,
    since_ms=TIMES,
)
def test_the_answers_about_drawn_runs_are_the_engines(
    shared_store: Store, drawn: list[RunRecord], now_ms: int, since_ms: int
) -> None:
    """Whatever they hold: no figure looks at more or fewer runs than the loop."""
    with shared_store.begin() as tx:
        for stored in list(tx.runs.documents_by_id()):
            tx.runs.delete(stored.run_id)
        for run in drawn:
            tx.runs.add(run)

    assert_answers_agree(shared_store, now_ms, since_ms)

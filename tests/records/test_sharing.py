"""A changed record is written as if all of it were spelled anew."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tandem_store.records import AutomationLifecycleRecord, RunRecord
from tandem_store.records.reading import read_run
from tandem_store.records.sharing import spelled_anew
from tandem_store.testing.strategies import runs
from tests.support.run_records import new_run

FIELDS = [name for name in RunRecord.model_fields if name != "run_id"]
PARTS = ["checkpoint", "automation_snapshot", "runtime_context"]


def read(run: RunRecord) -> tuple[RunRecord, dict[str, Any]]:
    """The run as it is read from the store, and the JSON that it is read from."""
    stored = run.to_legacy()
    return read_run(stored), stored


@given(runs(), runs(), st.sets(st.sampled_from(FIELDS)))
def test_what_changed_is_new_and_the_rest_is_as_it_was(
    one: RunRecord, other: RunRecord, names: set[str]
) -> None:
    """Some fields of a run get the values of another run."""
    before, stored = read(one)
    after = before.model_copy(update={name: getattr(other, name) for name in names})

    legacy, known = spelled_anew(after, before, stored)

    assert legacy == after.to_legacy()
    assert read_run(known) == read_run(legacy) == after
    assert read_run(known).to_legacy() == legacy


@given(runs(), runs(), st.data())
def test_a_part_that_changed_shares_its_own_parts(
    one: RunRecord, other: RunRecord, data: st.DataObject
) -> None:
    """As a checkpoint does that has one more node output."""
    before, stored = read(one)
    names = st.sampled_from([*type(before.checkpoint).model_fields])
    wanted = {name: getattr(other.checkpoint, name) for name in data.draw(st.sets(names))}
    checkpoint = before.checkpoint.model_copy(update=wanted)
    after = before.model_copy(update={"checkpoint": checkpoint})

    legacy, known = spelled_anew(after, before, stored)

    assert legacy == after.to_legacy()
    assert read_run(known) == read_run(legacy) == after


@given(runs())
def test_what_is_the_same_is_neither_spelled_nor_validated_again(one: RunRecord) -> None:
    """The JSON is that which was read, and the record's parts are those that it had."""
    before, stored = read(one)
    after = before.model_copy(update={"detail": "changed"})

    legacy, known = spelled_anew(after, before, stored)

    again = read_run(known)
    for name in PARTS:
        assert getattr(again, name) is getattr(before, name)
        assert legacy.get(name) is stored.get(name)


def test_one_more_entry_leaves_the_others_as_they_are() -> None:
    """A node output or an event more is what most updates are about."""
    begun = {"event": "run_created", "recorded_at_ms": 0}
    checkpoint = {"node_outputs": {"draft": {"text": "a"}}, "lifecycle_history": [begun]}
    before, stored = read(new_run("r", checkpoint=checkpoint))
    events = before.checkpoint.lifecycle_history
    longer = before.checkpoint.model_copy(
        update={
            "node_outputs": {**before.checkpoint.node_outputs, "another": {"b": 1, "a": [1.5]}},
            "lifecycle_history": [
                *events,
                AutomationLifecycleRecord(event="node_completed", recorded_at_ms=1),
            ],
        }
    )
    after = before.model_copy(update={"checkpoint": longer})

    legacy, known = spelled_anew(after, before, stored)

    assert legacy == after.to_legacy()
    assert list(legacy["checkpoint"]["node_outputs"]["another"]) == ["a", "b"]
    assert events
    for at, one in enumerate(events):
        assert read_run(known).checkpoint.lifecycle_history[at] is one
    for node, output in stored["checkpoint"]["node_outputs"].items():
        assert legacy["checkpoint"]["node_outputs"][node] is output


def test_a_change_in_place_is_not_lost() -> None:
    """Records forbid it; all the same, what was written must be what was meant."""
    before, stored = read(new_run("r"))
    before.checkpoint.node_outputs["another"] = {"text": "new"}
    before.checkpoint.completed_nodes.append("another")
    before.active_session_ids.append("s")
    before.checkpoint.lifecycle_history.append(
        AutomationLifecycleRecord(event="node_completed", recorded_at_ms=1)
    )

    legacy, known = spelled_anew(before.model_copy(), before, stored)

    assert legacy == before.to_legacy()
    assert read_run(known) == before

"""How two runs differ, part by part."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from tandem_store import RunDifference, RunRecord, compare_runs
from tandem_store.differences import ABSENT, Change, NodeResult
from tandem_store.testing.strategies import runs
from tests.support.json_values import exact
from tests.support.legacy_runs import CREATED_MS, checkpoint, definition
from tests.support.run_records import new_run


def differing(difference: RunDifference) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, and their values."""
    return {field.name: (field.one, field.other) for field in difference.fields if field.differs}


@given(runs(), runs())
def test_a_difference_is_empty_only_between_equal_records(one: RunRecord, other: RunRecord) -> None:
    """Nothing that a record has is left out of the comparison."""
    same = exact(one.to_legacy()) == exact(other.to_legacy())

    assert compare_runs(one, other).empty is same
    assert compare_runs(one, one).empty
    assert compare_runs(one, RunRecord.model_validate(one.to_legacy())).empty


@given(runs())
def test_any_other_value_of_a_field_is_a_difference(run: RunRecord) -> None:
    """Also of one that this version does not know, or of a kind of number."""
    one = RunRecord.model_validate({**run.to_legacy(), "newer": 1})
    other = RunRecord.model_validate({**run.to_legacy(), "newer": 1.0})

    assert compare_runs(one, other).others == (Change("/newer", 1, 1.0),)
    assert not compare_runs(one, other).empty


@given(runs(), runs())
def test_the_way_back_has_the_sides_exchanged(one: RunRecord, other: RunRecord) -> None:
    """What is new there is gone here."""
    there, back = compare_runs(one, other), compare_runs(other, one)

    assert [(field.one, field.other) for field in there.fields] == [
        (field.other, field.one) for field in back.fields
    ]
    assert {(node.node_id, node.one, node.other) for node in there.nodes} == {
        (node.node_id, node.other, node.one) for node in back.nodes
    }


def test_fields_are_compared_by_the_names_of_lists() -> None:
    """With how long the runs took."""
    failure = {"node_id": "draft", "reason": "no luck", "failed_at_ms": 1}
    ended = {"started_at_ms": CREATED_MS, "finished_at_ms": CREATED_MS + 5}
    one = new_run("r", **ended, estimated_cost_usd=0.5)
    other = new_run(
        "r",
        **ended | {"finished_at_ms": CREATED_MS + 7},
        estimated_cost_usd=0.25,
        status="failed",
        checkpoint=one.to_legacy()["checkpoint"] | {"last_failure": failure},
    )

    assert differing(compare_runs(one, other)) == {
        "status": ("completed", "failed"),
        "failed_node": (None, "draft"),
        "failure_reason": (None, "no luck"),
        "finished_at_ms": (CREATED_MS + 5, CREATED_MS + 7),
        "duration_ms": (5, 7),
        "estimated_cost_usd": (0.5, 0.25),
    }


def test_a_run_that_ended_before_it_began_has_no_duration() -> None:
    """Clocks sometimes go backwards."""
    one = new_run("r", started_at_ms=CREATED_MS + 1, finished_at_ms=CREATED_MS)

    (took,) = (field for field in compare_runs(one, one).fields if field.name == "duration_ms")

    assert (took.one, took.other) == (None, None)


def test_fire_times_are_no_part_of_the_definition() -> None:
    """The engine changes them at every run."""
    one = new_run("r", automation_snapshot=definition("a", next_fire_at_ms=1))
    other = new_run(
        "r",
        automation_snapshot=definition("a", next_fire_at_ms=2, execution={"profile": "guided"}),
    )

    difference = compare_runs(one, other)

    assert difference.definition == ()
    assert difference.has_definition
    assert difference.others == (
        Change("/automation_snapshot/next_fire_at_ms", 1, 2),
        Change("/automation_snapshot/execution/profile", "strict", "guided"),
    )


def test_a_definition_that_only_one_run_has_differs_as_a_whole() -> None:
    """Compaction may have taken the other's."""
    one = new_run("r", automation_snapshot=None)

    (change,) = compare_runs(one, new_run("r")).definition
    assert (change.path, change.one, change.other["name"]) == ("", ABSENT, "Automation auto-1")
    assert not compare_runs(one, one).has_definition


def event(name: str, node_id: str, at_ms: int) -> dict[str, Any]:
    """An event about a node."""
    return {"event": name, "recorded_at_ms": at_ms, "metadata": {"node_id": node_id}}


def flow(*nodes: str) -> dict[str, Any]:
    """A definition whose nodes follow each other."""
    knowledge = definition("a")["knowledge"]
    return definition(
        "a",
        flow={
            "nodes": [
                {
                    "node_id": node,
                    "agent_id": "writer",
                    "objective": "Write",
                    "knowledge": knowledge,
                    "depends_on": list(nodes[max(at - 1, 0) : at]),
                }
                for at, node in enumerate(nodes)
            ]
        },
    )


def test_nodes_have_state_attempts_and_duration() -> None:
    """The duration of the last attempt; a recovery ends one, and what comes behind does not."""
    one = new_run(
        "r",
        checkpoint=checkpoint(
            completed_nodes=["draft"],
            node_attempts={"draft": 2},
            lifecycle_history=[
                event("node_started", "draft", 1),
                event("node_failed", "draft", 5),
                event("node_started", "draft", 10),
                event("node_recovered", "draft", 17),
                event("node_completed", "draft", 99),
            ],
        ),
    )
    other = new_run("r", checkpoint=checkpoint(blocked_nodes=["draft"]))

    difference = compare_runs(one, other)

    (node,) = difference.nodes
    assert node.one == NodeResult("completed", 2, 7)
    assert node.other == NodeResult("blocked", 0, None)
    assert {change.path.split("/")[2] for change in difference.others} == {"lifecycle_history"}


def test_nodes_are_in_the_order_of_the_graph() -> None:
    """One that only the other run has stands before the next that both have."""
    one = new_run("r", automation_snapshot=flow("c", "a", "b"), checkpoint=checkpoint())
    other = new_run("r", automation_snapshot=flow("c", "x", "b", "y"), checkpoint=checkpoint())

    nodes = compare_runs(one, other).nodes

    assert [node.node_id for node in nodes] == ["c", "a", "x", "b", "y"]
    assert [node.node_id for node in nodes if node.one is None] == ["x", "y"]
    assert [node.node_id for node in nodes if node.other is None] == ["a"]


def test_outputs_are_compared_within() -> None:
    """An empty path is the whole output; equal ones are known to be there."""
    one = new_run("r", checkpoint=checkpoint(node_outputs={"a": {"n": [1]}, "b": 1, "c": "same"}))
    other = new_run("r", checkpoint=checkpoint(node_outputs={"a": {"n": [2]}, "c": "same"}))

    nodes = {node.node_id: node for node in compare_runs(one, other).nodes}

    assert nodes["a"].output == (Change("/n/0", 1, 2),)
    assert nodes["b"].output == (Change("", 1, ABSENT),)
    assert nodes["c"].output == ()
    assert nodes["c"].has_output

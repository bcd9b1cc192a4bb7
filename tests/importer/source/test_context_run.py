"""The run that a context-run folder stands for."""

from __future__ import annotations

from typing import Any

import pytest

from tandem_store.importer.source.context_run import run_from_context_state
from tandem_store.records.reading import read_run


def _run(**state: Any) -> dict[str, Any]:
    made = run_from_context_state(
        {"run_type": "automation_v2", "run_id": "automation-v2-r1", "status": "done", **state},
        mtime_ms=50,
    )
    assert made is not None
    return made


@pytest.mark.parametrize(
    "state",
    [
        None, [], {}, {"run_type": "mission", "run_id": "r"}, {"run_type": "automation_v2"},
        {"run_type": "automation_v2", "run_id": " automation-v2- "},
        {"run_type": "automation_v2", "run_id": 5},
    ],
)  # fmt: skip
def test_a_folder_of_something_else_is_no_run(state: Any) -> None:
    """Its type and its id decide."""
    assert run_from_context_state(state, mtime_ms=1) is None


@pytest.mark.parametrize(
    ("context_id", "run_id"),
    [(" automation-v2-r ", "r"), ("automation-v2-automation-v2-run-1", "automation-v2-run-1"),
     ("plain", "plain")],
)  # fmt: skip
def test_one_prefix_is_taken_off_the_id(context_id: str, run_id: str) -> None:
    """Run ids begin with the same words."""
    assert _run(run_id=context_id)["run_id"] == run_id


@pytest.mark.parametrize(
    ("word", "status"),
    [
        (" Done ", "completed"), ("canceled", "cancelled"), ("ERROR", "failed"),
        ("pending_approval", "awaiting_approval"), ("in-progress", "running"),
        ("pausing", "running"), ("whatever", "running"), (None, "running"), ("queued", "queued"),
    ],
)  # fmt: skip
def test_the_status_is_told_by_a_word(word: Any, status: str) -> None:
    """Unknown words mean running."""
    assert _run(status=word)["status"] == status


@pytest.mark.parametrize(
    ("fields", "automation_id"),
    [
        ({}, "recovered-r1"),
        ({"workflow_id": "w", "automation_id": "a"}, "a"),
        ({"workflow_id": "w", "automation_id": " "}, "w"),
        ({"z": {"automation_id": "z"}, "b": [{"c": {"workflow_id": "deep"}}]}, "deep"),
    ],
)
def test_the_automation_is_searched_depth_first(fields: dict[str, Any], automation_id: str) -> None:
    """At each object its own names first, then its values by key."""
    assert _run(**fields)["automation_id"] == automation_id


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ({}, (50, 50, None, 50)),
        ({"created_at_ms": 70}, (70, 70, None, 70)),
        ({"created_at_ms": 1.0, "updated_at_ms": 7}, (50, 7, None, 7)),
        ({"created_at_ms": 1, "updated_at_ms": 2, "started_at_ms": 3, "ended_at_ms": 4},
         (1, 2, 3, 4)),
    ],
)  # fmt: skip
def test_times_come_from_the_state_or_the_file(fields: dict[str, Any], times: Any) -> None:
    """The file's own time stands in where the state has none."""
    run = read_run(_run(**fields))

    assert times == (run.created_at_ms, run.updated_at_ms, run.started_at_ms, run.finished_at_ms)


def test_steps_become_nodes() -> None:
    """Each named step is a node of the definition and stands in one list of the checkpoint."""
    words = {"a": "Done", "b": "error", "c": "running", " ": "done", "d": None}
    steps = [{"step_id": name, "status": word} for name, word in words.items()]

    run = read_run(_run(steps=[*steps, {"status": "done"}, "x"]))

    assert run.checkpoint.completed_nodes == ["a"]
    assert run.checkpoint.blocked_nodes == ["b"]
    assert run.checkpoint.pending_nodes == ["c", "d"]
    assert run.automation_snapshot is not None
    assert [node.node_id for node in run.automation_snapshot.flow.nodes] == ["a", "b", "c", "d"]


def test_tasks_name_the_nodes_where_there_are_no_steps() -> None:
    """Each node once."""
    tasks = [{"payload": {"node_id": name}} for name in ("n", "m", "n")]

    run = read_run(_run(tasks=[*tasks, {"payload": 1}, {}], objective="Tidy up", last_error=" oh "))

    snapshot = run.automation_snapshot
    assert snapshot is not None
    assert [node.node_id for node in snapshot.flow.nodes] == ["n", "m"]
    assert (snapshot.name, snapshot.description) == ("Tidy up", "Tidy up")
    assert snapshot.creator_id == "context-run-recovery"
    assert snapshot.metadata == {"recovered_from": "context_run"}
    assert (run.detail, run.trigger_type) == ("oh", "recovered_context_run")


def test_a_tenant_that_cannot_be_read_is_the_local_one() -> None:
    """Better a run of nobody in particular than none."""
    good = {"org_id": "o", "workspace_id": "w"}

    assert _run(tenant_context=good)["tenant_context"]["org_id"] == "o"
    assert _run(tenant_context={"org_id": "o"})["tenant_context"]["org_id"] == "local"

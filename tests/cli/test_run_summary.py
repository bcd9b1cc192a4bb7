"""``runs show``: what happened to a run, as a person reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tandem_store import RunRecord
from tandem_store.run_nodes import in_order, nodes_of
from tests.support.legacy_runs import CREATED_MS, checkpoint, definition, full_run

Cli = Callable[..., Result]
Add = Callable[..., RunRecord]

#: The nodes of a definition, each with those that it depends on, in no helpful order.
GRAPH = {"publish": ["approve"], "approve": ["draft"], "facts": [], "draft": ["facts"]}


def with_graph(**fields: Any) -> dict[str, Any]:
    """The fields of a run whose definition has these nodes."""
    made = definition("auto-1")
    knowledge = made["knowledge"]
    made["flow"] = {
        "nodes": [
            {
                "node_id": node_id,
                "agent_id": "writer",
                "objective": "Write",
                "knowledge": knowledge,
                "depends_on": depends_on,
            }
            for node_id, depends_on in GRAPH.items()
        ]
    }
    return {"automation_snapshot": made, "started_at_ms": CREATED_MS, **fields}


def event(name: str, node_id: str, at_ms: int) -> dict[str, Any]:
    """An event about a node, so long after the run was made."""
    metadata = {"node_id": node_id}
    return {"event": name, "recorded_at_ms": CREATED_MS + at_ms, "metadata": metadata}


WAITING = checkpoint(
    completed_nodes=["facts", "draft"],
    pending_nodes=["approve", "publish"],
    node_outputs={"draft": "text"},
    node_attempts={"facts": 1, "draft": 2},
    last_failure={"node_id": "draft", "reason": "no\n  luck " + "x" * 300, "failed_at_ms": 1},
    awaiting_gate={
        "node_id": "approve",
        "title": "Ship it?",
        "instructions": "Read it first.",
        "decisions": ["yes", "no"],
        "requested_at_ms": 2**64 - 1,
    },
    lifecycle_history=[
        event("node_started", "facts", 0),
        event("node_completed", "facts", 12_300),
        event("node_started", "draft", 13_000),
        event("node_failed", "draft", 14_000),
        event("node_started", "draft", 15_000),
        event("node_completed", "draft", 144_000),
        *({"event": f"event-{n}", "recorded_at_ms": CREATED_MS + n} for n in range(12)),
    ],
)


def test_a_summary_says_what_happened(cli: Cli, add: Add) -> None:
    """Status, times, tokens, cost, the whole failure, the gate, the last events and sizes."""
    fields = with_graph(status="awaiting_approval", prompt_tokens=1_000, checkpoint=WAITING)
    add("r", finished_at_ms=CREATED_MS + 129_000, **fields)

    shown = cli("runs", "show", "r").stdout

    for fact in (
        "Automation  auto-1 (Automation auto-1)",
        "Status      awaiting_approval",
        "Started     2026-05-20T00:00:00Z",
        "Finished    2026-05-20T00:02:09Z (took 2 min 9 s)",
        "Tokens      0 (prompt 1,000, completion 0)",
        "Cost        0.0000 USD",
        "outputs 16 bytes",
        "Failure of draft at 1970-01-01T00:00:00.001Z:\n  no\n    luck " + "x" * 300 + "\n",
        "Waiting at the gate approve since 18446744073709551615 ms:\n  Ship it?\n"
        "  Read it first.\n",
        "\n  Decisions: yes / no\n",
    ):
        assert fact in shown


def test_it_says_what_a_run_waits_for(cli: Cli, add: Add) -> None:
    """And when it is due, if it backs off; nothing of a run that goes on."""
    add("on", status="running")
    backs_off = {"queue_reason": "retry_backoff", "retry_after_ms": CREATED_MS}
    add("off", status="queued", scheduler=backs_off)
    add("paused", status="paused", pause_reason="budget")

    going_on, queued, paused = (
        cli("runs", "show", name).stdout for name in ("on", "off", "paused")
    )

    assert "Waits for" not in going_on.partition("NODE")[0]
    assert "Waits for   retry backoff\nDue         2026-05-20T00:00:00Z (" in queued
    assert "Waits for   pause: budget\n" in paused
    assert "Due" not in paused


def test_nodes_stand_in_the_order_of_the_graph(cli: Cli, add: Add) -> None:
    """State, attempts, start and duration of the last attempt, and what each waits for."""
    add("r", **with_graph(status="awaiting_approval", checkpoint=WAITING))

    lines = cli("runs", "show", "r").stdout.splitlines()

    at = next(n for n, line in enumerate(lines) if line.startswith("NODE"))
    assert [line.split() for line in lines[at + 1 : at + 5]] == [
        ["facts", "completed", "1", "2026-05-20T00:00:00Z", "12.3", "s"],
        ["draft", "completed", "2", "2026-05-20T00:00:15Z", "2", "min", "9", "s"],
        ["approve", "awaiting_approval", "-", "-", "-", "decision:", "yes", "/", "no"],
        ["publish", "pending", "-", "-", "-", "approve"],
    ]
    assert [len(line) - len(line.lstrip()) for line in lines[at + 1 : at + 5]] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("depends_on", "expected"),
    [
        ({"c": ["a"], "b": ["a"], "a": []}, [("a", 0), ("c", 1), ("b", 1)]),
        ({"a": [], "b": [], "a2": ["a"], "b2": ["b"]}, [("a", 0), ("a2", 1), ("b", 0), ("b2", 1)]),
        ({"end": ["a", "b"], "a": [], "b": ["a"]}, [("a", 0), ("b", 1), ("end", 2)]),
        ({"x": ["y"], "y": ["x"], "z": []}, [("x", 0), ("y", 0), ("z", 0)]),
        ({}, []),
    ],
)
def test_each_path_is_followed_to_its_end(
    depends_on: dict[str, list[str]], expected: list[tuple[str, int]]
) -> None:
    """No node stands before one that it depends on; a circle is drawn as it was given."""
    assert in_order(depends_on) == expected


@pytest.mark.parametrize(
    ("status", "history", "state"),
    [
        ("running", ["node_started"], "running"),
        ("running", ["node_started", "node_failed"], "pending"),
        ("running", ["node_started", "node_failed", "node_started"], "running"),
        ("cancelled", ["node_started"], "pending"),
    ],
)
def test_a_node_runs_between_its_start_and_its_end(
    status: str, history: list[str], state: str
) -> None:
    """And only while the run does; what the snapshot does not know stands last."""
    events = [event(name, "odd", n) for n, name in enumerate(history)]
    stood = checkpoint(pending_nodes=["odd"], lifecycle_history=events)
    run = RunRecord.model_validate(full_run("r", **with_graph(status=status, checkpoint=stood)))

    last = nodes_of(run)[-1]

    assert (last.node_id, last.state) == ("odd", state)


def test_all_events_are_shown_on_demand(cli: Cli, add: Add) -> None:
    """Ten otherwise, with the command that shows the others."""
    add("r", checkpoint=WAITING)

    some, everything = cli("runs", "show", "r"), cli("runs", "show", "r", "--events")

    assert "Last 10 of 18 events; to show all: tandem-store runs show r --events" in some.stdout
    assert "event-1 " not in some.stdout
    assert "Events: 18" in everything.stdout
    assert all(f"event-{n} " in everything.stdout for n in range(12))

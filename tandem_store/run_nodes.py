"""The nodes of a run in the order of its graph, with the state and the times of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tandem_store.records import RunRecord
    from tandem_store.records.checkpoint import AutomationLifecycleRecord, AutomationRunCheckpoint

#: The events that end an attempt, which began with ``node_started``: the first of them counts.
_ENDS: Final = frozenset({"node_completed", "node_failed", "node_recovered"})
#: The events after which a node is not at work.
_STOPS: Final = _ENDS | {"node_blocked", "node_skipped"}


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a run. Times are in milliseconds since 1970.

    ``depth`` is the length of the longest path that leads to it.
    """

    node_id: str
    depth: int
    state: str
    attempts: int
    started_at_ms: int | None
    duration_ms: int | None
    #: The nodes that it waits for, or the decision.
    waits_for: tuple[str, ...]


def nodes_of(run: RunRecord) -> list[Node]:
    """Return the nodes, each after those it depends on; nodes outside the graph come last."""
    depends_on = _graph(run)
    times = _times(run)
    return [
        Node(
            node_id=node_id,
            depth=depth,
            state=_state(run, node_id),
            attempts=run.checkpoint.node_attempts.get(node_id, 0),
            started_at_ms=times[node_id].started_at_ms if node_id in times else None,
            duration_ms=times[node_id].duration_ms if node_id in times else None,
            waits_for=_waits_for(run, node_id, depends_on.get(node_id, ())),
        )
        for node_id, depth in in_order(depends_on)
    ]


def in_order(depends_on: dict[str, Sequence[str]]) -> list[tuple[str, int]]:
    """Return every node with its depth, after those it depends on, following each path to its end.

    Nodes that wait for each other stay in the order given.
    """
    # Reversed, because the node that became ready last is followed first.
    sorter = TopologicalSorter({node: depends_on[node] for node in reversed(depends_on)})
    try:
        sorter.prepare()
    except CycleError:
        return [(node, 0) for node in depends_on]
    order = {node: position for position, node in enumerate(depends_on)}
    depths: dict[str, int] = {}
    waiting: list[str] = []
    while sorter.is_active():
        waiting += sorted(sorter.get_ready(), key=order.__getitem__, reverse=True)
        node = waiting.pop()
        depths[node] = 1 + max((depths[before] for before in depends_on[node]), default=-1)
        sorter.done(node)
    return list(depths.items())


def _graph(run: RunRecord) -> dict[str, Sequence[str]]:
    flow = run.automation_snapshot.flow.nodes if run.automation_snapshot else []
    known = {node.node_id for node in flow}
    graph: dict[str, Sequence[str]] = {
        node.node_id: [one for one in node.depends_on if one in known] for node in flow
    }
    return graph | {node_id: [] for node_id in _mentioned(run.checkpoint) if node_id not in known}


def _mentioned(checkpoint: AutomationRunCheckpoint) -> Iterable[str]:
    mentioned = [
        *checkpoint.completed_nodes,
        *checkpoint.blocked_nodes,
        *checkpoint.pending_nodes,
        *checkpoint.node_outputs,
        *checkpoint.node_attempts,
    ]
    if checkpoint.last_failure is not None:
        mentioned.append(checkpoint.last_failure.node_id)
    if checkpoint.awaiting_gate is not None:
        mentioned.append(checkpoint.awaiting_gate.node_id)
    return dict.fromkeys(mentioned)


def _state(run: RunRecord, node_id: str) -> str:
    checkpoint = run.checkpoint
    if checkpoint.awaiting_gate is not None and checkpoint.awaiting_gate.node_id == node_id:
        return "awaiting_approval"
    if node_id in checkpoint.completed_nodes:
        return "completed"
    if checkpoint.last_failure is not None and checkpoint.last_failure.node_id == node_id:
        return "failed"
    if node_id in checkpoint.blocked_nodes:
        return "blocked"
    if not run.is_terminal and _is_running(checkpoint.lifecycle_history, node_id):
        return "running"
    return "pending" if node_id in checkpoint.pending_nodes else "-"


def _is_running(history: Sequence[AutomationLifecycleRecord], node_id: str) -> bool:
    names = [event.event for event in history if node_of(event) == node_id]
    return "node_started" in names and not _STOPS.intersection(
        names[len(names) - names[::-1].index("node_started") :]
    )


def _waits_for(run: RunRecord, node_id: str, depends_on: Iterable[str]) -> tuple[str, ...]:
    checkpoint = run.checkpoint
    gate = checkpoint.awaiting_gate
    if gate is not None and gate.node_id == node_id:
        return (f"decision: {' / '.join(gate.decisions)}",)
    if node_id in checkpoint.completed_nodes:
        return ()
    return tuple(one for one in depends_on if one not in checkpoint.completed_nodes)


@dataclass(slots=True)
class _Attempt:
    started_at_ms: int
    duration_ms: int | None = None


def _times(run: RunRecord) -> dict[str, _Attempt]:
    """Return when each node was last started, and how long that attempt took."""
    found: dict[str, _Attempt] = {}
    for event in run.checkpoint.lifecycle_history:
        node_id = node_of(event)
        if node_id is None:
            continue
        if event.event == "node_started":
            found[node_id] = _Attempt(event.recorded_at_ms)
        elif event.event in _ENDS and node_id in found:
            attempt = found[node_id]
            if attempt.duration_ms is None:
                # Clocks sometimes go backwards.
                attempt.duration_ms = max(event.recorded_at_ms - attempt.started_at_ms, 0)
    return found


def node_of(event: AutomationLifecycleRecord) -> str | None:
    """Return the node that an event is about, or None if it names no node."""
    metadata: Any = event.metadata
    node_id = metadata.get("node_id") if isinstance(metadata, dict) else None
    return node_id if isinstance(node_id, str) else None

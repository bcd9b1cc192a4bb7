"""The difference between two runs for people: fields, definition, nodes, outputs and the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tandem_store.differences.json_changes import ABSENT, Absent, Change, changes, is_same
from tandem_store.json_pointer import tokens
from tandem_store.mapping import lift
from tandem_store.run_nodes import Node, nodes_of

if TYPE_CHECKING:
    from tandem_store.records import RunRecord

#: A field of a run or of its checkpoint: text, a number, or None if the run has none.
Value: TypeAlias = str | int | float | None

#: The fields that are compared one by one, by their names in lists, and where a record has them.
_FIELDS: Final = {
    "run_id": "run_id",
    "automation_id": "automation_id",
    "status": "status",
    "stop_kind": "stop_kind",
    "stop_reason": "stop_reason",
    "failed_node": "checkpoint.last_failure.node_id",
    "failure_reason": "checkpoint.last_failure.reason",
    "gate": "checkpoint.awaiting_gate.node_id",
    "pause_reason": "pause_reason",
    "detail": "detail",
    "workflow_definition_version": "workflow_definition_version",
    "effective_execution_profile": "effective_execution_profile",
    "org_id": "tenant_context.org_id",
    "workspace_id": "tenant_context.workspace_id",
    "deployment_id": "tenant_context.deployment_id",
    "trigger_type": "trigger_type",
    "trigger_reason": "trigger_reason",
    "created_at_ms": "created_at_ms",
    "started_at_ms": "started_at_ms",
    "finished_at_ms": "finished_at_ms",
    "updated_at_ms": "updated_at_ms",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
    "estimated_cost_usd": "estimated_cost_usd",
}
#: The parts of a checkpoint that the states and attempts of its nodes come from.
_NODE_PARTS: Final = ("completed_nodes", "pending_nodes", "blocked_nodes", "node_attempts")


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field of both runs, None where a run has none.

    ``name`` is the one that ``RunSummary`` has for it, if lists show it. ``duration_ms`` is the
    time from start to end in milliseconds, ``gate`` the node at whose gate a run waits.
    """

    name: str
    one: Value
    other: Value

    @property
    def differs(self) -> bool:
        """Whether the runs differ in it."""
        return not is_same(self.one, self.other)


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How a node stands in one run, as ``runs show`` has it."""

    state: str
    attempts: int
    #: How long its last attempt took, in milliseconds; None if it has not ended.
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class ComparedNode:
    """One node of both runs; None for a run that has no such node."""

    node_id: str
    one: NodeResult | None
    other: NodeResult | None
    #: Where the outputs differ; an empty path is the whole output.
    output: tuple[Change, ...]
    #: Whether a run has an output of it.
    has_output: bool

    @property
    def differs(self) -> bool:
        """Whether its state, its attempts or its duration differ."""
        return self.one != self.other


@dataclass(frozen=True, slots=True)
class RunDifference:
    """How two runs differ. It is not ``empty`` if there is any difference between the records."""

    #: All compared fields, the equal ones too.
    fields: tuple[ComparedField, ...]
    #: Whether a run has a snapshot of its definition.
    has_definition: bool
    #: Where the definitions differ, without the keys that the engine changes at every run; an empty
    #: path is the whole definition.
    definition: tuple[Change, ...]
    #: All nodes in the order of the first run's graph, the equal ones too.
    nodes: tuple[ComparedNode, ...]
    #: Where the records differ besides; paths lead into the record.
    others: tuple[Change, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs: both records are the same."""
        return not (
            self.definition
            or self.others
            or any(field.differs for field in self.fields)
            or any(node.differs or node.output for node in self.nodes)
        )


def compare_runs(one: RunRecord, other: RunRecord) -> RunDifference:
    """Return how two runs differ, which may be of different automations.

    >>> with filled.read() as tx:
    ...     one, other = tx.runs.get("run-1"), tx.runs.get("run-2")
    >>> [field for field in compare_runs(one, other).fields if field.name == "status"]
    [ComparedField(name='status', one='completed', other='failed')]
    >>> compare_runs(one, one).empty
    True
    """
    parts, beside = _Parts(one), _Parts(other)
    nodes = tuple(_nodes(parts, beside))
    if any(node.differs for node in nodes):
        parts.leave_out_nodes()
        beside.leave_out_nodes()
    return RunDifference(
        fields=tuple(_fields(parts, beside)),
        has_definition=bool(one.automation_snapshot or other.automation_snapshot),
        definition=changes(parts.definition, beside.definition),
        nodes=nodes,
        others=changes(parts.rest, beside.rest),
    )


class _Parts:
    """A record taken apart; ``rest`` is what belongs to no other part."""

    def __init__(self, run: RunRecord) -> None:
        self.run = run
        self.rest = run.to_legacy()
        self.fields = {name: _taken(self.rest, path) for name, path in _FIELDS.items()}
        self.outputs: dict[str, Any] = self.rest["checkpoint"].pop("node_outputs")
        self.definition: dict[str, Any] | Absent = ABSENT
        if "automation_snapshot" in self.rest:
            # What the engine changes at every run says nothing about the definition.
            self.definition, volatile = lift(self.rest.pop("automation_snapshot"))
            self.rest["automation_snapshot"] = _nested(volatile)

    def leave_out_nodes(self) -> None:
        """Take from the rest what the nodes say."""
        for name in _NODE_PARTS:
            self.rest["checkpoint"].pop(name, None)


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return an object that has these values where their JSON Pointers lead."""
    made: dict[str, Any] = {}
    for pointer, value in values.items():
        holder = made
        *holders, name = tokens(pointer)
        for key in holders:
            holder = holder.setdefault(key, {})
        holder[name] = value
    return made


def _taken(record: dict[str, Any], path: str) -> Value:
    """Remove one value from a record and return it, None if it has no such value."""
    *holders, name = path.split(".")
    for holder in holders:
        record = record.get(holder) or {}
    value: Value = record.pop(name, None)
    return value


def _fields(parts: _Parts, beside: _Parts) -> Iterator[ComparedField]:
    for name in _FIELDS:
        yield ComparedField(name, parts.fields[name], beside.fields[name])
        if name == "updated_at_ms":
            yield ComparedField("duration_ms", _duration(parts.run), _duration(beside.run))


def _duration(run: RunRecord) -> int | None:
    if run.started_at_ms is None or run.finished_at_ms is None:
        return None
    # Clocks sometimes go backwards.
    took = run.finished_at_ms - run.started_at_ms
    return took if took >= 0 else None


def _nodes(parts: _Parts, beside: _Parts) -> Iterator[ComparedNode]:
    results = {node.node_id: _result(node) for node in nodes_of(parts.run)}
    others = {node.node_id: _result(node) for node in nodes_of(beside.run)}
    for node_id in _in_order(results, others):
        outputs = parts.outputs.get(node_id, ABSENT), beside.outputs.get(node_id, ABSENT)
        yield ComparedNode(
            node_id,
            results.get(node_id),
            others.get(node_id),
            output=changes(*outputs),
            has_output=outputs != (ABSENT, ABSENT),
        )


def _result(node: Node) -> NodeResult:
    return NodeResult(node.state, node.attempts, node.duration_ms)


def _in_order(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """Return the ids of both, each that only ``other`` has before the next that both have."""
    known = dict.fromkeys(one)
    before: dict[str, list[str]] = defaultdict(list)
    new: list[str] = []
    for node_id in other:
        if node_id in known:
            before[node_id], new = new, []
        else:
            new.append(node_id)
    return [*(one_id for node_id in known for one_id in (*before[node_id], node_id)), *new]

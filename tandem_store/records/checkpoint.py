"""The state of a run's nodes and gates, and what has happened to the run so far."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tandem_store.records.base import U32, U64, Named, Record
from tandem_store.records.enums import ActorKind, ExpiryAction, StopKind


class AutomationGateExpiryPolicy(Record):
    """What happens if nobody decides at a gate."""

    #: Milliseconds from the request to expiry; ``None`` for no expiry.
    expires_after_ms: U64 | None = None
    #: What happens then.
    on_expiry: Named[ExpiryAction] | None = None
    #: Who it is escalated to.
    escalate_to: str | None = None
    #: Milliseconds between reminders.
    remind_every_ms: U64 | None = None


class AutomationPendingGate(Record):
    """A decision that the run waits for."""

    #: The node that asks.
    node_id: str
    #: The question, in short.
    title: str
    #: What the person who decides should know.
    instructions: str | None = None
    #: The possible answers.
    decisions: list[str] = Field(default_factory=list)
    #: Nodes that run again if the decision is rework.
    rework_targets: list[str] = Field(default_factory=list)
    #: When the decision was requested, in milliseconds UTC.
    requested_at_ms: U64
    #: Nodes whose results the decision is about.
    upstream_node_ids: list[str] = Field(default_factory=list)
    #: Free-form JSON.
    metadata: Any = None
    #: What happens if nobody decides.
    expiry_policy: AutomationGateExpiryPolicy | None = None


class GovernanceActorRef(Record):
    """Who made a decision."""

    #: Human, agent or system.
    kind: Named[ActorKind]
    #: The actor's id.
    actor_id: str | None = None
    #: Where the decision came from, for example a user interface.
    source: str | None = None


class AutomationGateDecisionRecord(Record):
    """A decision that was made at a gate."""

    #: The node that asked.
    node_id: str
    #: The answer.
    decision: str
    #: The reason for it.
    reason: str | None = None
    #: When it was decided, in milliseconds UTC.
    decided_at_ms: U64
    #: Who decided.
    decided_by: GovernanceActorRef | None = None
    #: Free-form JSON.
    metadata: Any = None


class AutomationLifecycleRecord(Record):
    """One event in the life of a run."""

    #: The name of the event.
    event: str
    #: When it happened, in milliseconds UTC.
    recorded_at_ms: U64
    #: The reason for it.
    reason: str | None = None
    #: What stopped the run, if the event is a stop.
    stop_kind: Named[StopKind] | None = None
    #: Free-form JSON.
    metadata: Any = None


class AutomationFailureRecord(Record):
    """The last failure of a run."""

    #: The node that failed.
    node_id: str
    #: What went wrong.
    reason: str
    #: When it failed, in milliseconds UTC.
    failed_at_ms: U64
    #: The class of the failure (since engine 0.6.5).
    failure_kind: str | None = None
    #: Free-form JSON (since engine 0.6.5).
    metadata: Any = None


class AutomationRunCheckpoint(Record):
    """Everything that is needed to continue a run."""

    #: Nodes that are done.
    completed_nodes: list[str] = Field(default_factory=list)
    #: Nodes that are still to run.
    pending_nodes: list[str] = Field(default_factory=list)
    #: What each node produced, by node id: any JSON.
    node_outputs: dict[str, Any] = Field(default_factory=dict)
    #: How many times each node was tried, by node id: 0 to 2**32 - 1.
    node_attempts: dict[str, U32] = Field(default_factory=dict)
    #: The verdicts on each node's attempts, by node id: any JSON.
    node_attempt_verdicts: dict[str, list[Any]] = Field(default_factory=dict)
    #: Nodes that cannot run.
    blocked_nodes: list[str] = Field(default_factory=list)
    #: The decision that the run waits for, ``None`` if it does not wait.
    awaiting_gate: AutomationPendingGate | None = None
    #: Decisions made so far, oldest first.
    gate_history: list[AutomationGateDecisionRecord] = Field(default_factory=list)
    #: Events so far, oldest first.
    lifecycle_history: list[AutomationLifecycleRecord] = Field(default_factory=list)
    #: The last failure.
    last_failure: AutomationFailureRecord | None = None

"""A run as lists show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tandem_store.month import Month
from tandem_store.records.enums import (
    TERMINAL_STATUSES,
    ExecutionProfile,
    RunGroup,
    RunStatus,
    StopKind,
    WaitsFor,
)

#: The groups by status; runs in any other status are active.
_GROUPS: Final[dict[str, RunGroup]] = {
    RunStatus.QUEUED: RunGroup.QUEUED,
    RunStatus.AWAITING_APPROVAL: RunGroup.WAITING,
    RunStatus.BLOCKED: RunGroup.WAITING,
    RunStatus.PAUSED: RunGroup.WAITING,
    RunStatus.FAILED: RunGroup.FAILED,
    RunStatus.CANCELLED: RunGroup.FAILED,
    RunStatus.COMPLETED: RunGroup.COMPLETED,
}


# Without slots, which would have to be set one by one: see ``runs.listing``.
@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run in a list. Times are in milliseconds since 1970, UTC."""

    #: The id of the run.
    run_id: str
    #: Its automation.
    automation_id: str
    #: Its organisation.
    org_id: str
    #: Its workspace.
    workspace_id: str
    #: Its deployment, ``None`` for the workspace itself.
    deployment_id: str | None
    #: What started it.
    trigger_type: str
    #: Its status.
    status: RunStatus
    #: What stopped it.
    stop_kind: StopKind | None
    #: When it was created.
    created_at_ms: int
    #: When it was last updated.
    updated_at_ms: int
    #: When it started, ``None`` if it did not.
    started_at_ms: int | None
    #: When it ended, ``None`` if it did not.
    finished_at_ms: int | None
    #: The number of nodes that are done.
    completed_nodes: int
    #: The number of nodes that are still to run.
    pending_nodes: int
    #: The number of nodes that cannot run.
    blocked_nodes: int
    #: The node that failed last, ``None`` if none failed.
    failed_node: str | None
    #: Why it failed.
    failure_reason: str | None
    #: A remark about its state.
    detail: str | None
    #: Tokens sent to models.
    prompt_tokens: int
    #: Tokens received from models.
    completion_tokens: int
    #: All tokens, as the engine counted them.
    total_tokens: int
    #: The estimated cost in US dollars.
    estimated_cost_usd: float
    #: The name of its automation, as its definition has it.
    automation_name: str | None
    #: The folder in which its automation works, as its definition has it.
    workspace_root: str | None
    #: How strictly it follows its definition; ``None`` if the record cannot be read.
    execution_profile: ExecutionProfile | None
    #: The version of its definition (since engine 0.6.5).
    definition_version: str | None
    #: Milliseconds from start to end; ``None`` if either is missing or they are out of order.
    duration_ms: int | None
    #: What it waits for, ``None`` if for nothing.
    waits_for: WaitsFor | None
    #: The title of the gate, the resource or provider, the first blocked node, or the reason of the
    #: pause that it waits for.
    waits_for_detail: str | None
    #: The node that asks for the approval that it waits for.
    gate_node: str | None
    #: When that approval was requested.
    gate_requested_at_ms: int | None
    #: When the request expires, ``None`` if never.
    gate_expires_at_ms: int | None
    #: When a queued run that backs off is due again.
    not_due_before_ms: int | None
    #: The name of the last event in its history.
    last_event: str | None
    #: When that happened.
    last_event_at_ms: int | None
    #: The number of attempts at all nodes together; ``None`` if the record cannot be read.
    attempts: int | None
    #: The number of nodes that were attempted.
    nodes_attempted: int | None
    #: The number of outputs that did not pass their check; ``None`` if the engine removed the
    #: outputs.
    outputs_failed_validation: int | None
    #: Whether an output needs repair; ``None`` if the engine removed the outputs.
    needs_repair: bool | None
    #: The number of decisions that people made at gates.
    gates_decided: int | None
    #: The month that stores its document.
    month: Month
    #: 1 for a new run, one more with every write.
    revision: int

    @property
    def is_terminal(self) -> bool:
        """Whether the run will never continue."""
        return self.status in TERMINAL_STATUSES

    @property
    def group(self) -> RunGroup:
        """The group in which the engine's panel shows the run.

        In one point it differs from the panel's: a run that has ended does not wait for a gate that
        was left open.
        """
        return group_of(self.status, self.waits_for)


def group_of(status: str, waits_for: str | None) -> RunGroup:
    """Return the group of a run with this status that waits for this."""
    if waits_for == WaitsFor.APPROVAL and status != RunStatus.QUEUED:
        return RunGroup.WAITING
    return _GROUPS.get(status, RunGroup.ACTIVE)

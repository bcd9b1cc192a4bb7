"""A run as lists show it."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_store.month import Month
from tandem_store.records.enums import TERMINAL_STATUSES, RunStatus, StopKind


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
    #: The month that stores its document.
    month: Month
    #: 1 for a new run, one more with every write.
    revision: int

    @property
    def is_terminal(self) -> bool:
        """Whether the run will never continue."""
        return self.status in TERMINAL_STATUSES

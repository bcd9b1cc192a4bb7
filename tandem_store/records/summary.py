"""A run as listings show it."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_store.month import Month
from tandem_store.records.enums import TERMINAL_STATUSES, RunStatus, StopKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The listed part of one run; times are milliseconds UTC, costs US dollars."""

    #: The id of the run.
    run_id: str
    #: The automation that it runs.
    automation_id: str
    #: The organisation that it belongs to.
    org_id: str
    #: The workspace that it belongs to.
    workspace_id: str
    #: The deployment that it belongs to.
    deployment_id: str | None
    #: What started it.
    trigger_type: str
    #: Where it stands.
    status: RunStatus
    #: What stopped it.
    stop_kind: StopKind | None
    #: When it was made.
    created_at_ms: int
    #: When it last changed.
    updated_at_ms: int
    #: When it began.
    started_at_ms: int | None
    #: When it ended.
    finished_at_ms: int | None
    #: The number of nodes that are done.
    completed_nodes: int
    #: The number of nodes still to run.
    pending_nodes: int
    #: The number of nodes that cannot run.
    blocked_nodes: int
    #: The node that failed last.
    failed_node: str | None
    #: Why it failed.
    failure_reason: str | None
    #: What there is to say about its state.
    detail: str | None
    #: Tokens sent to models.
    prompt_tokens: int
    #: Tokens received from models.
    completion_tokens: int
    #: Tokens in all.
    total_tokens: int
    #: The estimated cost.
    estimated_cost_usd: float
    #: The month whose partition holds the document.
    month: Month
    #: Starts at 1 and grows by one with every write.
    revision: int

    @property
    def is_terminal(self) -> bool:
        """Whether the run will never continue."""
        return self.status in TERMINAL_STATUSES

"""The arguments of ``RunRecord.changed``: the fields of a run, except its id."""

from __future__ import annotations

from typing import TypedDict

from tandem_store.records.automation import AutomationSpec
from tandem_store.records.checkpoint import AutomationRunCheckpoint
from tandem_store.records.context import ProjectedAutomationContextMaterialization
from tandem_store.records.enums import ExecutionProfile, RunStatus, StopKind
from tandem_store.records.learning import WorkflowLearningRunSummary
from tandem_store.records.scheduler import ExecutionClaim, SchedulerMetadata
from tandem_store.records.tenant import TenantContext


class RunChanges(TypedDict, total=False):
    """New values of a run's fields; members of enums may be given by their names."""

    automation_id: str
    tenant_context: TenantContext
    trigger_type: str
    status: RunStatus | str
    created_at_ms: int
    updated_at_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    active_session_ids: list[str]
    latest_session_id: str | None
    active_instance_ids: list[str]
    checkpoint: AutomationRunCheckpoint
    runtime_context: ProjectedAutomationContextMaterialization | None
    automation_snapshot: AutomationSpec | None
    workflow_definition_version: str | None
    workflow_definition_snapshot_hash: str | None
    execution_claim: ExecutionClaim | None
    execution_claim_epoch: int
    pause_reason: str | None
    resume_reason: str | None
    detail: str | None
    stop_kind: StopKind | str | None
    stop_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated_cost_usd: float
    scheduler: SchedulerMetadata | None
    trigger_reason: str | None
    consumed_handoff_id: str | None
    learning_summary: WorkflowLearningRunSummary | None
    effective_execution_profile: ExecutionProfile | str
    requested_execution_profile: ExecutionProfile | str | None

"""The records that the store keeps, as Pydantic models: a run with its parts, filter, summary.

Pydantic and its models take a third of the time that a program needs to start, and lists and
statistics use neither. So the names below are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tandem_store.lazy import lazily

if TYPE_CHECKING:
    from tandem_store.records.agent import (
        AutomationAgentMcpPolicy,
        AutomationAgentProfile,
        AutomationAgentToolPolicy,
        AutomationMcpConnectionGrant,
        RunAs,
        RunAsAutomationPrincipal,
        RunAsCurrentActor,
        RunAsServicePrincipal,
        RunAsSharedConnection,
    )
    from tandem_store.records.automation import (
        AutomationExecutionPolicy,
        AutomationHandoffConfig,
        AutomationScopePolicy,
        AutomationSpec,
        WatchCondition,
    )
    from tandem_store.records.base import Record
    from tandem_store.records.checkpoint import (
        AutomationFailureRecord,
        AutomationGateDecisionRecord,
        AutomationGateExpiryPolicy,
        AutomationLifecycleRecord,
        AutomationPendingGate,
        AutomationRunCheckpoint,
        GovernanceActorRef,
    )
    from tandem_store.records.context import (
        ContextObject,
        ContextObjectProvenance,
        ProjectedAutomationContextMaterialization,
        ProjectedRoutineContextPartition,
        ProjectedStepContextBindings,
    )
    from tandem_store.records.enums import (
        RECOVERED_CONTEXT_RUN,
        TERMINAL_STATUSES,
        ActorKind,
        AutomationStatus,
        ContextScope,
        ExecutionProfile,
        ExpiryAction,
        KnowledgeScope,
        QueueReason,
        ReuseMode,
        RunGroup,
        RunOrder,
        RunStatus,
        ScheduleType,
        StageKind,
        StopKind,
        TenantSource,
        TrustLevel,
        ValidationStatus,
        ValidatorKind,
        WaitsFor,
    )
    from tandem_store.records.filter import RunFilter
    from tandem_store.records.flow import (
        AutomationApprovalGate,
        AutomationFlowInputRef,
        AutomationFlowNode,
        AutomationFlowOutputContract,
        AutomationFlowSpec,
        AutomationOutputEnforcement,
        AutomationRequiredToolCall,
    )
    from tandem_store.records.knowledge import KnowledgeBinding, KnowledgeSpaceRef, default_binding
    from tandem_store.records.learning import (
        WorkflowLearningMetricsSnapshot,
        WorkflowLearningRunSummary,
    )
    from tandem_store.records.run import RunRecord
    from tandem_store.records.schedule import (
        AutomationSchedule,
        MisfireCatchUp,
        MisfirePolicy,
        MisfireRunOnce,
        MisfireSkip,
    )
    from tandem_store.records.scheduler import ExecutionClaim, SchedulerMetadata
    from tandem_store.records.scope import ANY_DEPLOYMENT, AnyDeployment, TenantScope
    from tandem_store.records.summary import RunSummary, group_of
    from tandem_store.records.tenant import TenantContext, local_tenant

__all__ = [
    "ANY_DEPLOYMENT",
    "RECOVERED_CONTEXT_RUN",
    "TERMINAL_STATUSES",
    "ActorKind",
    "AnyDeployment",
    "AutomationAgentMcpPolicy",
    "AutomationAgentProfile",
    "AutomationAgentToolPolicy",
    "AutomationApprovalGate",
    "AutomationExecutionPolicy",
    "AutomationFailureRecord",
    "AutomationFlowInputRef",
    "AutomationFlowNode",
    "AutomationFlowOutputContract",
    "AutomationFlowSpec",
    "AutomationGateDecisionRecord",
    "AutomationGateExpiryPolicy",
    "AutomationHandoffConfig",
    "AutomationLifecycleRecord",
    "AutomationMcpConnectionGrant",
    "AutomationOutputEnforcement",
    "AutomationPendingGate",
    "AutomationRequiredToolCall",
    "AutomationRunCheckpoint",
    "AutomationSchedule",
    "AutomationScopePolicy",
    "AutomationSpec",
    "AutomationStatus",
    "ContextObject",
    "ContextObjectProvenance",
    "ContextScope",
    "ExecutionClaim",
    "ExecutionProfile",
    "ExpiryAction",
    "GovernanceActorRef",
    "KnowledgeBinding",
    "KnowledgeScope",
    "KnowledgeSpaceRef",
    "MisfireCatchUp",
    "MisfirePolicy",
    "MisfireRunOnce",
    "MisfireSkip",
    "ProjectedAutomationContextMaterialization",
    "ProjectedRoutineContextPartition",
    "ProjectedStepContextBindings",
    "QueueReason",
    "Record",
    "ReuseMode",
    "RunAs",
    "RunAsAutomationPrincipal",
    "RunAsCurrentActor",
    "RunAsServicePrincipal",
    "RunAsSharedConnection",
    "RunFilter",
    "RunGroup",
    "RunOrder",
    "RunRecord",
    "RunStatus",
    "RunSummary",
    "ScheduleType",
    "SchedulerMetadata",
    "StageKind",
    "StopKind",
    "TenantContext",
    "TenantScope",
    "TenantSource",
    "TrustLevel",
    "ValidationStatus",
    "ValidatorKind",
    "WaitsFor",
    "WatchCondition",
    "WorkflowLearningMetricsSnapshot",
    "WorkflowLearningRunSummary",
    "default_binding",
    "group_of",
    "local_tenant",
]

#: Where the names above are defined: those without Pydantic first.
_MODULES: Final = tuple(
    f"{__name__}.{module}"
    for module in (
        "enums",
        "filter",
        "scope",
        "summary",
        "base",
        "tenant",
        "run",
        "checkpoint",
        "automation",
        "flow",
        "agent",
        "knowledge",
        "schedule",
        "scheduler",
        "context",
        "learning",
    )
)

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, __all__, _MODULES)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

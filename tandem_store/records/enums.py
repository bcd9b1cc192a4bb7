"""The closed lists of names that records use.

Names that later engines added (marked with the release) are members too: a record with one of them
is well-formed here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RunStatus(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    BLOCKED = "blocked"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: A run with one of these never continues.
TERMINAL_STATUSES: Final = frozenset(
    {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.BLOCKED, RunStatus.CANCELLED}
)


class StopKind(StrEnum):
    """What stopped a run before its end."""

    CANCELLED = "cancelled"
    OPERATOR_STOPPED = "operator_stopped"
    GUARDRAIL_STOPPED = "guardrail_stopped"
    PANIC = "panic"
    SHUTDOWN = "shutdown"
    SERVER_RESTART = "server_restart"
    STALE_REAPED = "stale_reaped"


class ExecutionProfile(StrEnum):
    """How strictly a run follows its definition."""

    STRICT = "strict"
    GUIDED = "guided"
    YOLO = "yolo"


class TenantSource(StrEnum):
    """Whether a tenant was named, or is the local one by default."""

    LOCAL_IMPLICIT = "local_implicit"
    EXPLICIT = "explicit"


class QueueReason(StrEnum):
    """Why a run waits."""

    CAPACITY = "capacity"
    WORKSPACE_LOCK = "workspace_lock"
    RATE_LIMIT = "rate_limit"
    #: since engine 0.6.5
    RETRY_BACKOFF = "retry_backoff"


class WaitsFor(StrEnum):
    """What a run waits for: the reasons of a queue, and three others."""

    #: a decision at a gate
    APPROVAL = "approval"
    CAPACITY = "capacity"
    WORKSPACE_LOCK = "workspace_lock"
    RATE_LIMIT = "rate_limit"
    RETRY_BACKOFF = "retry_backoff"
    #: something that a node needs
    BLOCKED_NODE = "blocked_node"
    #: somebody who resumes it
    PAUSE = "pause"


class RunGroup(StrEnum):
    """The groups in which the engine's panel shows runs; each run is in one."""

    ACTIVE = "active"
    WAITING = "waiting"
    QUEUED = "queued"
    FAILED = "failed"
    COMPLETED = "completed"


class RunOrder(StrEnum):
    """What lists of runs can be sorted by."""

    CREATED = "created"
    UPDATED = "updated"
    FINISHED = "finished"
    DURATION = "duration"
    COST = "cost"
    TOKENS = "tokens"


class ExpiryAction(StrEnum):
    """What happens at a gate if nobody decides in time."""

    CANCEL = "cancel"
    ESCALATE = "escalate"
    REMIND = "remind"
    #: since engine 0.6.9
    RESUME = "resume"


class ActorKind(StrEnum):
    """Who decided at a gate."""

    HUMAN = "human"
    AGENT = "agent"
    SYSTEM = "system"


class ContextScope(StrEnum):
    """Where a context object is visible."""

    MISSION = "mission"
    PLAN = "plan"
    ROUTINE = "routine"
    STEP = "step"
    HANDOFF = "handoff"


class ValidationStatus(StrEnum):
    """Whether a context object passed its check."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"


class AutomationStatus(StrEnum):
    """Whether an automation fires."""

    ACTIVE = "active"
    PAUSED = "paused"
    DRAFT = "draft"


class ScheduleType(StrEnum):
    """What makes an automation fire."""

    CRON = "cron"
    INTERVAL = "interval"
    MANUAL = "manual"


class ReuseMode(StrEnum):
    """When earlier knowledge is consulted."""

    DISABLED = "disabled"
    PREFLIGHT = "preflight"
    ON_DEMAND = "on_demand"


class TrustLevel(StrEnum):
    """How well proven knowledge has to be before it is used."""

    WORKING = "working"
    PROMOTED = "promoted"
    APPROVED_DEFAULT = "approved_default"


class KnowledgeScope(StrEnum):
    """Who a knowledge space belongs to."""

    RUN = "run"
    PROJECT = "project"
    GLOBAL = "global"


class StageKind(StrEnum):
    """The part that a flow node plays."""

    ORCHESTRATOR = "orchestrator"
    WORKSTREAM = "workstream"
    REVIEW = "review"
    TEST = "test"
    APPROVAL = "approval"


class ValidatorKind(StrEnum):
    """Which check a node's output has to pass."""

    CODE_PATCH = "code_patch"
    RESEARCH_BRIEF = "research_brief"
    REVIEW_DECISION = "review_decision"
    STRUCTURED_JSON = "structured_json"
    GENERIC_ARTIFACT = "generic_artifact"
    STANDUP_UPDATE = "standup_update"


#: The trigger of a run that the engine made from a context-run folder. Until such a run has ended,
#: the engine neither lists nor keeps it.
RECOVERED_CONTEXT_RUN: Final = "recovered_context_run"

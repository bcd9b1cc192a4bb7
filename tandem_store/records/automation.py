"""The definition of an automation, current or as it was when a run started."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tandem_store.records.agent import AutomationAgentProfile
from tandem_store.records.base import U32, U64, Named, Record, Written
from tandem_store.records.enums import AutomationStatus, ExecutionProfile
from tandem_store.records.flow import AutomationFlowSpec
from tandem_store.records.knowledge import KnowledgeBinding, default_binding
from tandem_store.records.schedule import AutomationSchedule


class AutomationExecutionPolicy(Record):
    """The limits of a run."""

    #: How strictly the definition is followed.
    profile: Named[ExecutionProfile] | None = None
    #: The most agents that work at the same time, 0 to 2**32 - 1.
    max_parallel_agents: U32 | None = None
    #: The longest duration in milliseconds.
    max_total_runtime_ms: U64 | None = None
    #: The most tool calls, 0 to 2**32 - 1.
    max_total_tool_calls: U32 | None = None
    #: The most tokens.
    max_total_tokens: U64 | None = None
    #: The highest cost in US dollars.
    max_total_cost_usd: float | None = None


class AutomationScopePolicy(Record):
    """The paths that a run may read and write."""

    #: Paths that may be read.
    readable_paths: list[str] = Field(default_factory=list)
    #: Paths that may be written.
    writable_paths: list[str] = Field(default_factory=list)
    #: Paths that are forbidden.
    denied_paths: list[str] = Field(default_factory=list)
    #: Paths that are watched.
    watch_paths: list[str] = Field(default_factory=list)


class AutomationHandoffConfig(Record):
    """The folders of handoffs, relative to the workspace."""

    #: The folder of new handoffs.
    inbox_dir: str = "shared/handoffs/inbox"
    #: The folder of handoffs that may be consumed.
    approved_dir: str = "shared/handoffs/approved"
    #: The folder of handoffs that were consumed.
    archived_dir: str = "shared/handoffs/archived"
    #: Whether a new handoff is approved at once.
    auto_approve: bool = True


class WatchCondition(Record):
    """What an automation waits for besides its schedule; handoffs are the only kind."""

    #: The kind of condition.
    kind: Literal["handoff_available"]
    #: The automation that hands over; ``None`` for any.
    source_automation_id: str | None = None
    #: The type of artifact; ``None`` for any.
    artifact_type: str | None = None


class AutomationSpec(Record):
    """The definition of an automation."""

    ENGINE_NAME = "AutomationV2Spec"

    #: The id of the automation.
    automation_id: str
    #: The name that people see.
    name: str
    #: What it does.
    description: str | None = None
    #: Whether it fires.
    status: Named[AutomationStatus]
    #: When it fires.
    schedule: AutomationSchedule
    #: The knowledge that it may use.
    knowledge: KnowledgeBinding = Field(default_factory=default_binding)
    #: Its agents.
    agents: list[AutomationAgentProfile] = Field(default_factory=list)
    #: Its steps.
    flow: AutomationFlowSpec
    #: Its limits.
    execution: AutomationExecutionPolicy
    #: Where outputs go.
    output_targets: list[str] = Field(default_factory=list)
    #: When it was created, in milliseconds UTC.
    created_at_ms: U64
    #: When it was last updated, in milliseconds UTC.
    updated_at_ms: U64
    #: The id of its creator.
    creator_id: str
    #: The folder in which it works.
    workspace_root: str | None = None
    #: Free-form JSON.
    metadata: Any = None
    #: When it fires next, in milliseconds UTC.
    next_fire_at_ms: U64 | None = None
    #: When it fired last, in milliseconds UTC.
    last_fired_at_ms: U64 | None = None
    #: The paths that it may read and write.
    scope_policy: AutomationScopePolicy | None = None
    #: What it waits for besides its schedule.
    watch_conditions: Annotated[list[WatchCondition], Written.UNLESS_EMPTY] = Field(
        default_factory=list
    )
    #: The folders of handoffs.
    handoff_config: AutomationHandoffConfig | None = None

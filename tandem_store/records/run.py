"""A run of an automation: the record that the store exists for."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Self, Unpack

from pydantic import Field, ValidationError

from tandem_store import clock
from tandem_store.records.automation import AutomationSpec
from tandem_store.records.base import U64, Named, Record, Written
from tandem_store.records.changes import RunChanges
from tandem_store.records.checkpoint import AutomationRunCheckpoint
from tandem_store.records.context import ProjectedAutomationContextMaterialization
from tandem_store.records.enums import (
    RECOVERED_CONTEXT_RUN,
    TERMINAL_STATUSES,
    ExecutionProfile,
    RunStatus,
    StopKind,
)
from tandem_store.records.learning import WorkflowLearningRunSummary
from tandem_store.records.scheduler import ExecutionClaim, SchedulerMetadata
from tandem_store.records.tenant import TenantContext, local_tenant


class RunRecord(Record):
    """One run of an automation, complete.

    Ids are any text, also empty; they are never trimmed or normalised. Times are in milliseconds
    since 1970, UTC, from 0 to 2**64 - 1.
    """

    ENGINE_NAME = "AutomationV2RunRecord"

    #: The id of the run.
    run_id: str
    #: Its automation.
    automation_id: str
    #: The tenant that it belongs to.
    tenant_context: TenantContext = Field(default_factory=local_tenant)
    #: What started it, for example ``manual`` or ``schedule``; free text.
    trigger_type: str
    #: Its status.
    status: Named[RunStatus]
    #: When it was created, in milliseconds UTC.
    created_at_ms: U64
    #: When it was last updated, in milliseconds UTC.
    updated_at_ms: U64
    #: When it started, in milliseconds UTC; ``None`` if it did not.
    started_at_ms: U64 | None = None
    #: When it ended, in milliseconds UTC; ``None`` if it did not.
    finished_at_ms: U64 | None = None
    #: The ids of the sessions that work on it.
    active_session_ids: list[str] = Field(default_factory=list)
    #: The id of the session that was started last.
    latest_session_id: str | None = None
    #: The ids of the agent instances that work on it.
    active_instance_ids: list[str] = Field(default_factory=list)
    #: The state of its nodes and gates.
    checkpoint: AutomationRunCheckpoint
    #: What its routines can see of each other.
    runtime_context: ProjectedAutomationContextMaterialization | None = None
    #: The definition of the automation as it was when the run started.
    automation_snapshot: AutomationSpec | None = None
    #: The version of that definition (since engine 0.6.5).
    workflow_definition_version: str | None = None
    #: The digest of that definition (since engine 0.6.5).
    workflow_definition_snapshot_hash: str | None = None
    #: Who works on it (since engine 0.6.5).
    execution_claim: ExecutionClaim | None = None
    #: Grows with every claim (since engine 0.6.5, which always writes it). A record that was read
    #: without it is written without it, so that engine 0.6.2 can still read the file.
    execution_claim_epoch: Annotated[U64, Written.IF_GIVEN] = 0
    #: Why it was paused.
    pause_reason: str | None = None
    #: Why it was resumed.
    resume_reason: str | None = None
    #: A remark about its state.
    detail: str | None = None
    #: What stopped it.
    stop_kind: Named[StopKind] | None = None
    #: Why it was stopped.
    stop_reason: str | None = None
    #: Tokens sent to models.
    prompt_tokens: U64 = 0
    #: Tokens received from models.
    completion_tokens: U64 = 0
    #: All tokens, as the engine counted them.
    total_tokens: U64 = 0
    #: The estimated cost in US dollars.
    estimated_cost_usd: float = 0.0
    #: Why it waits in the queue.
    scheduler: SchedulerMetadata | None = None
    #: Why it was started.
    trigger_reason: str | None = None
    #: The handoff that started it.
    consumed_handoff_id: str | None = None
    #: Its part in workflow learning.
    learning_summary: WorkflowLearningRunSummary | None = None
    #: How strictly it follows its definition.
    effective_execution_profile: Named[ExecutionProfile] = ExecutionProfile.STRICT
    #: How strictly it was asked to follow it.
    requested_execution_profile: Named[ExecutionProfile] | None = None

    @classmethod
    def new(cls, run_id: str, automation_id: str, /, **fields: Unpack[RunChanges]) -> Self:
        """Return a new run: queued, created now, with an empty checkpoint.

        Its ``trigger_type`` is ``manual``. Other fields, and other values for these, by name:
        ``RunRecord.new("run-1", "nightly", trigger_type="schedule")``.

        Raises ``TypeError`` and ``ValueError`` as ``changed`` does.

        >>> run = RunRecord.new("run-1", "nightly", detail="the first of many")
        >>> run.status, run.created_at_ms == run.updated_at_ms, run.detail
        (<RunStatus.QUEUED: 'queued'>, True, 'the first of many')
        """
        now_ms = clock.now_ms()
        run = cls(
            run_id=run_id,
            automation_id=automation_id,
            trigger_type="manual",
            status=RunStatus.QUEUED,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            checkpoint=AutomationRunCheckpoint(),
        )
        return run.changed(**fields) if fields else run

    def changed(self, **fields: Unpack[RunChanges]) -> Self:
        """Return a new record with other values in these fields, validated as a new run is.

        Unlike ``model_copy(update=...)`` it refuses fields that a run does not have, and turns
        names into enum members: ``run.changed(status="completed")``.

        Raises:
            TypeError: a run has no such field, or it is ``run_id``: a run keeps its id.
            ValueError: a value is not valid for its field.
        """
        for name in fields:
            if name == "run_id":
                raise TypeError(
                    "A run keeps its id. For another run like this one: "
                    'run.model_copy(update={"run_id": ...})'
                )
            if name not in type(self).model_fields:
                raise TypeError(f"A run has no field {name!r}.{meant(name)}")
        given = {name: self.__dict__[name] for name in self.model_fields_set & self.__dict__.keys()}
        try:
            return type(self).model_validate({**given, **(self.model_extra or {}), **fields})
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise ValueError(
                f"The field {place} of a run cannot be {fault['input']!r:.200}: {fault['msg']}"
            ) from None

    @property
    def is_terminal(self) -> bool:
        """Whether the run will never continue."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_open_context_run(self) -> bool:
        """Whether it is a context run that has not ended: the engine neither lists nor keeps it."""
        return self.trigger_type == RECOVERED_CONTEXT_RUN and not self.is_terminal

    @property
    def month_ms(self) -> int:
        """The later of update and creation, which decides the run's month; milliseconds UTC."""
        return max(self.updated_at_ms, self.created_at_ms)

    @property
    def created_at(self) -> datetime | None:
        """When the run was created, UTC; ``None`` after the year 9999."""
        return clock.aware_datetime(self.created_at_ms)

    @property
    def updated_at(self) -> datetime | None:
        """When the run was last updated, UTC; ``None`` after the year 9999."""
        return clock.aware_datetime(self.updated_at_ms)

    @property
    def started_at(self) -> datetime | None:
        """When the run started, UTC; ``None`` if it did not, or after the year 9999."""
        return clock.aware_datetime(self.started_at_ms)

    @property
    def finished_at(self) -> datetime | None:
        """When the run ended, UTC; ``None`` if it did not, or after the year 9999."""
        return clock.aware_datetime(self.finished_at_ms)


def meant(name: str) -> str:
    """Return a question that suggests the field with the most similar name, or an empty text."""
    near = get_close_matches(name, RunRecord.model_fields, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""

"""What the routines of a run can see of each other: the materialised runtime context."""

from __future__ import annotations

from pydantic import Field

from tandem_store.records.base import U32, Named, Record
from tandem_store.records.enums import ContextScope, ValidationStatus


class ContextObjectProvenance(Record):
    """Where a context object comes from."""

    #: The plan that made it.
    plan_id: str
    #: The routine that made it.
    routine_id: str
    #: The step that made it.
    step_id: str | None = None


class ContextObject(Record):
    """A piece of context that steps pass on."""

    #: The id of the object.
    context_object_id: str
    #: The name that people see.
    name: str
    #: What it is; free text.
    kind: str
    #: Where it is visible.
    scope: Named[ContextScope]
    #: The routine that owns it.
    owner_routine_id: str
    #: The step that produces it.
    producer_step_id: str | None = None
    #: The steps that have declared that they read it.
    declared_consumers: list[str] = Field(default_factory=list)
    #: A reference to the artifact.
    artifact_ref: str | None = None
    #: The data that it uses.
    data_scope_refs: list[str] = Field(default_factory=list)
    #: Hours until it is out of date, 0 to 2**32 - 1.
    freshness_window_hours: U32 | None = None
    #: Whether it passed its check.
    validation_status: Named[ValidationStatus]
    #: Where it comes from.
    provenance: ContextObjectProvenance
    #: A summary of its content.
    summary: str | None = None


class ProjectedStepContextBindings(Record):
    """What one step reads and writes."""

    #: The step.
    step_id: str
    #: Ids of the context objects it reads.
    context_reads: list[str] = Field(default_factory=list)
    #: Ids of the context objects it writes.
    context_writes: list[str] = Field(default_factory=list)


class ProjectedRoutineContextPartition(Record):
    """The context that one routine sees."""

    #: The routine.
    routine_id: str
    #: The objects that it can see.
    visible_context_objects: list[ContextObject] = Field(default_factory=list)
    #: What its steps read and write.
    step_context_bindings: list[ProjectedStepContextBindings] = Field(default_factory=list)


class ProjectedAutomationContextMaterialization(Record):
    """The runtime context of a run, routine by routine."""

    #: One partition for each routine.
    routines: list[ProjectedRoutineContextPartition] = Field(default_factory=list)

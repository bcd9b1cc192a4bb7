"""What a run contributed to, and took from, workflow learning."""

from __future__ import annotations

from pydantic import Field

from tandem_store.records.base import U64, Record


class WorkflowLearningMetricsSnapshot(Record):
    """How the workflow performed over its latest runs; rates are from 0 to 1."""

    #: The number of runs measured.
    sample_size: U64 = 0
    #: The share of runs that completed.
    completion_rate: float = 0.0
    #: The share of outputs that passed validation.
    validation_pass_rate: float = 0.0
    #: The mean number of attempts per node.
    mean_attempts_per_node: float = 0.0
    #: The share of failures that could be repaired.
    repairable_failure_rate: float = 0.0
    #: The median duration in milliseconds.
    median_wall_clock_ms: U64 = 0
    #: How many times a person had to intervene.
    human_intervention_count: U64 = 0
    #: When this was computed, in milliseconds UTC.
    computed_at_ms: U64 = 0


class WorkflowLearningRunSummary(Record):
    """The learning side of one run."""

    #: Learnings that this run proposed.
    generated_candidate_ids: list[str] = Field(default_factory=list)
    #: Learnings that were given to its agents.
    injected_learning_ids: list[str] = Field(default_factory=list)
    #: Approved learnings that were looked at.
    approved_learning_ids_considered: list[str] = Field(default_factory=list)
    #: Metrics after the run.
    post_run_metrics: WorkflowLearningMetricsSnapshot | None = None

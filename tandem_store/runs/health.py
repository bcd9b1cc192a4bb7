"""The health of an automation: the engine's figures over its newest runs that have ended.

They come from columns that repeat the record, so no document is read. The engine's compaction
removes outputs, and with them what their checks said. Such a run is unknown, not passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, select

from tandem_store import clock
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged_run
from tandem_store.database.dialect import unindexed
from tandem_store.records import RunFilter, RunStatus, StopKind
from tandem_store.runs.context import RunsContext
from tandem_store.tables import runs

#: The most runs that figures may be made of.
LARGEST_SAMPLE: Final = 1_000

_COLUMNS: Final = (
    runs.c.run_id,
    runs.c.month,
    runs.c.status,
    runs.c.stop_kind,
    runs.c.duration_ms,
    runs.c.attempts,
    runs.c.nodes_attempted,
    runs.c.outputs_failed_validation,
    runs.c.needs_repair,
    runs.c.gates_decided,
)
_TYPES: Final = RowTypes(_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationHealth:
    """How the newest runs of an automation ended.

    Rates are between 0 and 1. All figures are 0 if no run has ended. A run whose outputs the engine
    removed counts in neither of the rates that need them; both are None if that is so of all runs.
    """

    #: The automation.
    automation_id: str
    #: How many runs the figures are made of.
    sample_size: int
    #: How many of them completed, as a rate.
    completion_rate: float
    #: How many completed with every output passing its check, as a rate.
    validation_pass_rate: float | None
    #: The attempts at all nodes, for each node that was attempted.
    mean_attempts_per_node: float
    #: How many have an output that needs repair, as a rate.
    repairable_failure_rate: float | None
    #: The median of their durations in milliseconds; a run without a duration counts as 0.
    median_wall_clock_ms: int
    #: In how many of them people decided at a gate, or stopped the run.
    human_intervention_count: int
    #: How many of them have outputs that the engine removed.
    outputs_unknown: int
    #: When the figures were made, in milliseconds since 1970, UTC.
    computed_at_ms: int


def health(context: RunsContext, automation_id: str, *, last: int) -> AutomationHealth:
    """Return the figures over the newest ``last`` runs of an automation that have ended."""
    if type(last) is not int:
        raise TypeError(f"last is a whole number, not {last!r}")
    if not 1 <= last <= LARGEST_SAMPLE:
        raise ValueError(f"last is {last}; give 1 to {LARGEST_SAMPLE:,} runs")
    return _figures(automation_id, _newest(context, automation_id, last))


def _newest(context: RunsContext, automation_id: str, last: int) -> Sequence[Row[Any]]:
    selection = context.selection(RunFilter(terminal=True))
    query: Select[Any] = (
        select(*_COLUMNS)
        # The index of the automation has the runs in their order; one of the statuses has not.
        .where(runs.c.automation_id == automation_id, *selection.shape().conditions(unindexed))
        .order_by(runs.c.created_at_ms.desc(), runs.c.run_id.desc())
        .limit(last)
    )
    found = context.connection.execute(query, selection.values()).all()
    for row in found:
        try:
            _TYPES.refuse_others(row)
        except DAMAGE as error:
            raise damaged_run(row.run_id, row.month, f"holds {error}") from error
    return found


def _figures(automation_id: str, sample: Sequence[Row[Any]]) -> AutomationHealth:
    known = [run for run in sample if run.outputs_failed_validation is not None]
    nodes = sum(run.nodes_attempted or 0 for run in sample)
    return AutomationHealth(
        automation_id=automation_id,
        sample_size=len(sample),
        completion_rate=_rate(sum(map(_is_completed, sample)), len(sample)),
        validation_pass_rate=_known_rate(sum(map(_has_passed, known)), known, sample),
        mean_attempts_per_node=sum(run.attempts or 0 for run in sample) / max(nodes, 1),
        repairable_failure_rate=_known_rate(
            sum(bool(run.needs_repair) for run in known), known, sample
        ),
        median_wall_clock_ms=_median([run.duration_ms or 0 for run in sample]),
        human_intervention_count=sum(map(_needed_somebody, sample)),
        outputs_unknown=len(sample) - len(known),
        computed_at_ms=clock.now_ms(),
    )


def _rate(count: int, total: int) -> float:
    return count / total if total else 0.0


def _known_rate(count: int, known: Sequence[Row[Any]], sample: Sequence[Row[Any]]) -> float | None:
    """Return a rate among the runs whose outputs are known, None if there are others only."""
    return None if sample and not known else _rate(count, len(known))


def _median(durations: list[int]) -> int:
    return sorted(durations)[len(durations) // 2] if durations else 0


def _is_completed(run: Row[Any]) -> bool:
    return bool(run.status == RunStatus.COMPLETED)


def _has_passed(run: Row[Any]) -> bool:
    return _is_completed(run) and run.outputs_failed_validation == 0


def _needed_somebody(run: Row[Any]) -> bool:
    return bool(run.gates_decided) or run.stop_kind == StopKind.OPERATOR_STOPPED

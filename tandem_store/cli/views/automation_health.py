"""The health of an automation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tandem_store import AutomationHealth
from tandem_store.cli import output
from tandem_store.cli.views.values import counted, duration, one_line, percentage


def to_json(health: AutomationHealth) -> dict[str, Any]:
    """Return the figures as a JSON object."""
    return asdict(health)


def show(health: AutomationHealth) -> None:
    """Print the figures of one automation."""
    output.print_facts([("Automation", one_line(health.automation_id)), *facts(health)])


def facts(health: AutomationHealth) -> Iterator[tuple[str, str]]:
    """Yield each figure with its label; without runs there are none."""
    if not health.sample_size:
        yield "Sample", "no run has ended yet"
        return
    yield "Sample", f"the newest {counted(health.sample_size, 'run')} that ended"
    yield "Completed", percentage(health.completion_rate)
    yield "Passed validation", _known(health.validation_pass_rate)
    yield "Attempts per node", f"{health.mean_attempts_per_node:.2f}"
    yield "Needed repair", _known(health.repairable_failure_rate)
    yield "Median duration", duration(health.median_wall_clock_ms)
    yield "Human intervention", counted(health.human_intervention_count, "run")
    if health.outputs_unknown:
        runs = counted(health.outputs_unknown, "run")
        yield "Unknown outputs", f"{runs}, not counted for validation and repair"


def _known(rate: float | None) -> str:
    return "unknown" if rate is None else percentage(rate)

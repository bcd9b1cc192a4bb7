"""One automation: its definition, what it does, its health, and its last runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tandem_store import AutomationActivity, AutomationHealth, LastRun, RunSummary, clock
from tandem_store.cli import output
from tandem_store.cli.views import automation_health, run_list
from tandem_store.cli.views.automation_list import Listed
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import (
    dollars,
    duration,
    number,
    one_line,
    percentage,
    since_or_until,
    timestamp,
)

if TYPE_CHECKING:
    from tandem_store import AutomationSpec

#: How many nodes or agents are named.
_NAMED = 12


def show(
    automation: Listed, since: datetime, health: AutomationHealth, last_runs: Sequence[RunSummary]
) -> None:
    """Print what is known of an automation; its figures are over runs created since a time."""
    output.print_facts(_facts(automation))
    if automation.activity is None:
        output.print_note("It has no runs.")
        return
    output.print_message()
    output.print_facts(_activity(automation.activity, since))
    output.print_message()
    output.print_facts(automation_health.facts(health))
    output.print_message()
    run_list.show(last_runs)


def _facts(automation: Listed) -> Iterator[tuple[str, Cell]]:
    yield "Automation", one_line(automation.automation_id)
    yield "Name", one_line(automation.name or "-")
    if automation.definition is None:
        yield "Definition", "none in this store"
    else:
        yield from _definition(automation.definition)


def _definition(definition: AutomationSpec) -> Iterator[tuple[str, Cell]]:
    if definition.description:
        yield "Description", one_line(definition.description)
    yield "State", str(definition.status)
    yield "Schedule", one_line(_schedule(definition))
    yield "Next fire", _moment(definition.next_fire_at_ms)
    yield "Last fired", _moment(definition.last_fired_at_ms)
    yield "Nodes", _names([node.node_id for node in definition.flow.nodes])
    yield "Agents", _names([agent.agent_id for agent in definition.agents])
    yield "Profile", str(definition.execution.profile or "-")
    yield "Workspace root", one_line(definition.workspace_root or "-")
    yield "Updated", _moment(definition.updated_at_ms)


def _schedule(definition: AutomationSpec) -> str:
    schedule = definition.schedule
    if schedule.cron_expression:
        return f"{schedule.type} {schedule.cron_expression} ({schedule.timezone})"
    if schedule.interval_seconds is not None:
        return f"{schedule.type}, every {duration(schedule.interval_seconds * 1_000)}"
    return str(schedule.type)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return one_line(f"{number(len(names))}: {shown}{more}" if names else "0")


def _activity(activity: AutomationActivity, since: datetime) -> Iterator[tuple[str, Cell]]:
    yield "Running", f"{number(activity.active)}; queued: {number(activity.queued)}"
    yield "Last run", _run(activity.last_run)
    if activity.last_terminal_run not in (None, activity.last_run):
        yield "Last that ended", _run(activity.last_terminal_run)
    yield "Runs created since", since.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    yield "  Runs", f"{number(activity.runs)}, of which {number(activity.ended)} ended"
    yield "  Completed", f"{number(activity.completed)} ({percentage(activity.success_rate)})"
    median = activity.median_duration_ms
    yield "  Median duration", "-" if median is None else duration(median)
    yield "  Cost", f"{dollars(activity.estimated_cost_usd)} USD"


def _run(run: LastRun) -> Cell:
    text = f"{run.run_id}, {run.status}, created {_moment(run.created_at_ms)}"
    return status(run.status, one_line(text))


def _moment(at_ms: int | None) -> str:
    if at_ms is None:
        return "-"
    return f"{timestamp(at_ms)} ({since_or_until(at_ms, clock.now_ms())})"

"""What retention is about to do, and what came of it."""

from __future__ import annotations

from typing import Any

from tandem_store.archiving import RetentionPlan, RetentionReport, RetentionStep
from tandem_store.cli import output
from tandem_store.cli.views.values import counted, number, size


def plan_to_json(plan: RetentionPlan) -> dict[str, Any]:
    """Return the plan as a JSON object."""
    return {
        "steps": [step.to_json() for step in plan.steps],
        "kept": [month.label for month in plan.kept],
    }


def show_plan(plan: RetentionPlan) -> None:
    """Print every step with its runs and bytes, and what blocks it."""
    if not plan.steps:
        output.print_message("Nothing to do.")
        return
    rows = [
        (
            step.month.label,
            "blocked" if step.blocked_by else step.action,
            number(step.runs),
            size(step.bytes),
            str(step.archive),
        )
        for step in plan.steps
    ]
    output.print_table(
        ("MONTH", "STEP", "RUNS", "SIZE", "ARCHIVE"), rows, align="llrrl", cut="ARCHIVE"
    )
    for step in plan.blocked:
        _show_blockers(step)
    if plan.kept:
        output.print_message(f"Newer, and kept: {counted(len(plan.kept), 'month')}.")


def question(plan: RetentionPlan) -> str:
    """Return what is asked before a plan is carried out."""
    parts = []
    for action, verb in (("detach", "detach"), ("drop", "drop for good")):
        if count := sum(step.action == action for step in plan.to_do):
            parts.append(f"{verb} {counted(count, 'month')}")
    text = " and ".join(parts)
    return f"{text[:1].upper()}{text[1:]}?"


def show(report: RetentionReport, plan: RetentionPlan) -> None:
    """Print what was done, and what was not although it was planned."""
    runs = sum(one.runs for one in report.detached)
    if report.detached:
        output.print_message(
            f"Detached {counted(len(report.detached), 'month')} with {counted(runs, 'run')}. To "
            "see where they are: tandem-store months list"
        )
    if report.dropped:
        labels = ", ".join(one.month.label for one in report.dropped)
        output.print_message(f"Dropped {labels}. The totals stay in stats.")
    for one in report.dropped:
        if one.left is not None:
            output.print_message(f"{one.archive} was not removed, because {one.left}.")
    # The report begins with those that show_plan has explained.
    for step in report.blocked[len(plan.blocked) :]:
        _show_blockers(step)


def _show_blockers(step: RetentionStep) -> None:
    for blocker in step.blocked_by:
        # Most sentences begin with the month.
        is_named = step.month.label in blocker.what
        output.print_message(blocker.what if is_named else f"{step.month} stays: {blocker.what}")

"""A list of runs: short on a terminal, complete anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tandem_store import RunSummary, clock
from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import shorten, without_prefix
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import age, dollars, number, one_line, timestamp

_COMPLETE: Final = ("CREATED", "STATUS", "RUN", "AUTOMATION", "NODES", "TOKENS", "COST USD", "WHY")
_SHORT: Final = ("RUN", "AGE", "STATUS", "AUTOMATION", "NODES", "TOKENS", "COST USD", "WHY")
#: The columns that a narrow terminal leaves out, in this order.
_OPTIONAL: Final = ("TOKENS", "COST USD", "AUTOMATION", "NODES", "WHY")


def to_json(run: RunSummary) -> dict[str, Any]:
    """Return the summary of a run as a JSON object."""
    return {**vars(run), "month": run.month.label}


def show(runs: Sequence[RunSummary], next_cursor: str | None, *, absolute: bool = False) -> None:
    """Print the runs. ``absolute`` prints times instead of ages, on a terminal too."""
    if not runs:
        output.print_note("No runs.")
        return
    if terminal.is_terminal():
        _show_short(runs, absolute)
    else:
        output.print_table(_COMPLETE, map(_complete_row, runs), align="llllrrr")
    if next_cursor is not None:
        output.print_note(f"There are more runs. Repeat the command with --cursor {next_cursor}")


def _complete_row(run: RunSummary) -> tuple[str, ...]:
    return (_created(run), run.status, run.run_id, run.automation_id, *_figures(run), _why(run))


def _show_short(runs: Sequence[RunSummary], absolute: bool) -> None:
    ids, now_ms = shorten(run.run_id for run in runs), clock.now_ms()
    headings = [name if name != "AGE" or not absolute else "CREATED" for name in _SHORT]
    rows: list[tuple[Cell, ...]] = [
        (
            ids[run.run_id],
            _created(run) if absolute else age(run.created_at_ms, now_ms),
            status(run.status),
            without_prefix(run.automation_id),
            *_figures(run),
            _why(run),
        )
        for run in runs
    ]
    if not any(map(_why, runs)):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    side = "l" if absolute else "r"
    output.print_table(headings, rows, align=f"l{side}llrrr", cut="WHY", optional=_OPTIONAL)


def _created(run: RunSummary) -> str:
    return timestamp(run.created_at_ms // 1_000 * 1_000)


def _figures(run: RunSummary) -> tuple[str, str, str]:
    nodes = run.completed_nodes + run.pending_nodes + run.blocked_nodes
    return (
        f"{number(run.completed_nodes)}/{number(nodes)}",
        number(run.total_tokens),
        dollars(run.estimated_cost_usd),
    )


def _why(run: RunSummary) -> str:
    return one_line(run.failure_reason or run.detail or "")

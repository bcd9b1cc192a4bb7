"""A list of runs, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from tandem_store import RunSummary
from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import shortened
from tandem_store.cli.views.status_style import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.text import age, dollars, moment, number, one_line
from tandem_store.runs.id_search import PREFIXES

_PLAIN: Final = ("CREATED", "STATUS", "RUN", "AUTOMATION", "NODES", "TOKENS", "COST USD", "WHY")
_SHOWN: Final = ("RUN", "AGE", "STATUS", "AUTOMATION", "NODES", "TOKENS", "COST USD", "WHY")
#: What a narrow terminal does without, in this order.
_OPTIONAL: Final = ("TOKENS", "COST USD", "AUTOMATION", "NODES", "WHY")


def item(run: RunSummary) -> dict[str, Any]:
    """A summary as JSON."""
    return {name: getattr(run, name) for name in run.__slots__ if name != "month"} | {
        "month": run.month.label
    }


def put(runs: Sequence[RunSummary], next_cursor: str | None, *, absolute: bool = False) -> None:
    """The list for people: short on a terminal, whole elsewhere.

    ``absolute``: times instead of ages, on a terminal too.
    """
    if not runs:
        output.note("No runs.")
        return
    if terminal.is_terminal():
        _put_short(runs, absolute)
    else:
        output.put_table(_PLAIN, map(_whole, runs), right="llllrrr")
    if next_cursor is not None:
        output.note(f"There are more: repeat the command with --cursor {next_cursor}")


def _whole(run: RunSummary) -> tuple[str, ...]:
    return (_created(run), run.status, run.run_id, run.automation_id, *_figures(run), _why(run))


def _put_short(runs: Sequence[RunSummary], absolute: bool) -> None:
    ids, now_ms = shortened(run.run_id for run in runs), time.time_ns() // 1_000_000
    headings = [name if name != "AGE" or not absolute else "CREATED" for name in _SHOWN]
    rows: list[tuple[Cell, ...]] = [
        (
            ids[run.run_id],
            _created(run) if absolute else age(run.created_at_ms, now_ms),
            status(run.status),
            _automation(run),
            *_figures(run),
            _why(run),
        )
        for run in runs
    ]
    if not any(map(_why, runs)):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    side = "l" if absolute else "r"
    output.put_table(headings, rows, right=f"l{side}llrrr", cut="WHY", optional=_OPTIONAL)


def _created(run: RunSummary) -> str:
    return moment(run.created_at_ms // 1_000 * 1_000)


def _automation(run: RunSummary) -> str:
    for prefix in PREFIXES:
        if run.automation_id.startswith(prefix):
            return run.automation_id.removeprefix(prefix)
    return run.automation_id


def _figures(run: RunSummary) -> tuple[str, str, str]:
    nodes = run.completed_nodes + run.pending_nodes + run.blocked_nodes
    return (
        f"{number(run.completed_nodes)}/{number(nodes)}",
        number(run.total_tokens),
        dollars(run.estimated_cost_usd),
    )


def _why(run: RunSummary) -> str:
    return one_line(run.failure_reason or run.detail or "")

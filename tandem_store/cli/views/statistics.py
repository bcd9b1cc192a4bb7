"""The counts of runs, tokens and cost by month and status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tandem_store.cli import output
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import counted, dollars, number
from tandem_store.runs import RunStatistics

#: Marks a month of which runs were detached.
_MARK: Final = "*"


def to_json(entries: Sequence[RunStatistics]) -> dict[str, Any]:
    """Return the counts and their sums as a JSON object."""
    items = [
        {
            "month": entry.month.label,
            "status": entry.status,
            "runs": entry.runs,
            "total_tokens": entry.total_tokens,
            "estimated_cost_usd": entry.estimated_cost_usd,
            "detached": entry.detached,
        }
        for entry in entries
    ]
    runs, tokens, cost = _totals(entries)
    return {"items": items, "runs": runs, "total_tokens": tokens, "estimated_cost_usd": cost}


def show(entries: Sequence[RunStatistics]) -> None:
    """Print a table of the counts, with a line of totals."""
    rows: list[tuple[Cell, ...]] = [
        (
            f"{entry.month.label} {_MARK}" if entry.detached else entry.month.label,
            status(entry.status),
            number(entry.runs),
            number(entry.total_tokens),
            dollars(entry.estimated_cost_usd),
        )
        for entry in entries
    ]
    runs, tokens, cost = _totals(entries)
    rows.append(("total", "", number(runs), number(tokens), dollars(cost)))
    headings = ("MONTH OF LAST UPDATE", "STATUS", "RUNS", "TOKENS", "COST USD")
    output.print_table(headings, rows, align="llrrr")
    if detached := sum(entry.detached for entry in entries):
        output.print_note(
            f"{_MARK} {counted(detached, 'run')} of months that were detached or dropped; to leave "
            "them out: tandem-store stats --attached-only"
        )


def _totals(entries: Sequence[RunStatistics]) -> tuple[int, int, float]:
    return (
        sum(entry.runs for entry in entries),
        sum(entry.total_tokens for entry in entries),
        round(sum(entry.estimated_cost_usd for entry in entries), 9),
    )

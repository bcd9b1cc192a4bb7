"""What compacting is about to do, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_store.cli import output
from tandem_store.cli.views.values import counted, duration, number, size
from tandem_store.recompression import CompactReport, MonthPlan


def planned_items(planned: Sequence[MonthPlan]) -> list[dict[str, object]]:
    """Return the plan as JSON objects, which do not know yet what it will save."""
    return [
        {
            "month": one.month.label,
            "runs": one.runs,
            "bytes_before": one.bytes,
            "bytes_after": None,
        }
        for one in planned
    ]


def show_plan(planned: Sequence[MonthPlan]) -> None:
    """Print what is left to compact."""
    if not planned:
        output.print_message("Nothing is left to compact.")
        return
    runs, held = sum(one.runs for one in planned), sum(one.bytes for one in planned)
    output.print_message(
        f"To be compacted: {counted(runs, 'run')} in {counted(len(planned), 'month')}, "
        f"{size(held)} of documents."
    )


def show(report: CompactReport) -> None:
    """Print the months, and how much smaller the database has become."""
    rows = [
        (one.month.label, number(one.runs), size(one.bytes_before), size(one.bytes_after))
        for one in report.items
    ]
    output.print_table(("MONTH", "RUNS", "BEFORE", "AFTER"), rows, align="lrrr")
    output.print_message(
        f"The database takes {size(report.database_bytes_after)} instead of "
        f"{size(report.database_bytes_before)}. Took {duration(round(report.seconds * 1_000))}."
    )
    if report.damaged:
        output.print_message(
            f"{counted(report.damaged, 'document')} could not be read and stayed as they are. See "
            "which with: tandem-store doctor --deep"
        )

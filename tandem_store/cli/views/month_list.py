"""The list of months."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_store.cli import output
from tandem_store.cli.views.values import number, size
from tandem_store.months import MonthSummary


def to_json(month: MonthSummary) -> dict[str, object]:
    """Return a month as a JSON object."""
    return {
        "month": month.month.label,
        "state": month.state,
        "runs": month.runs,
        "compacted": month.compacted,
        "bytes": month.bytes,
    }


def show(months: Sequence[MonthSummary]) -> None:
    """Print a table of months."""
    if not months:
        output.print_note("There are no months yet.")
        return
    rows = [
        (one.month.label, one.state, number(one.runs), number(one.compacted), size(one.bytes))
        for one in months
    ]
    output.print_table(("MONTH", "STATE", "RUNS", "COMPACTED", "SIZE"), rows, align="llrrr")

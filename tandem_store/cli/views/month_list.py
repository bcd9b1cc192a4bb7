"""The list of months."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_store.cli import output
from tandem_store.cli.views.values import number, size
from tandem_store.months import MonthSummary


def to_json(month: MonthSummary) -> dict[str, object]:
    """Return a month as a JSON object."""
    archive = month.archive
    return {
        "month": month.month.label,
        "state": month.state,
        "runs": month.runs,
        "compacted": month.compacted,
        "forgotten": month.forgotten,
        "bytes": month.bytes,
        "archive": None if archive is None else archive.location,
        "archived_runs": 0 if archive is None else archive.runs,
    }


def show(months: Sequence[MonthSummary]) -> None:
    """Print a table of months; of a detached one, the runs in its archive and the size of that."""
    if not months:
        output.print_note("There are no months yet.")
        return
    headings = ["MONTH", "STATE", "RUNS", "COMPACTED", "FORGOTTEN", "SIZE", "ARCHIVE"]
    rows = [_row(month) for month in months]
    if not any(month.archive for month in months):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    output.print_table(
        headings, rows, align="llrrrr", cut="ARCHIVE", optional=("COMPACTED", "FORGOTTEN")
    )


def _row(month: MonthSummary) -> tuple[str, ...]:
    archive = month.archive
    return (
        month.month.label,
        month.state,
        number(month.runs if archive is None else archive.runs),
        number(month.compacted),
        number(month.forgotten),
        size(month.bytes if archive is None else archive.bytes),
        "" if archive is None else archive.location,
    )

"""The list of months."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tandem_store.cli import output
from tandem_store.cli.views.values import number, size, timestamp
from tandem_store.months import MonthSummary

#: How many columns every month has something in.
_ALWAYS: Final = 6


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
        "archive_bytes": 0 if archive is None else archive.bytes,
        "drop_due_at_ms": None if archive is None else archive.drop_due_at_ms,
    }


def show(months: Sequence[MonthSummary]) -> None:
    """Print a table of months; of a detached one, the runs in its archive and the size of that."""
    if not months:
        output.print_note("There are no months yet.")
        return
    headings = ["MONTH", "STATE", "RUNS", "COMPACTED", "FORGOTTEN", "SIZE", "DROP DUE", "ARCHIVE"]
    rows = [_row(month) for month in months]
    # The columns of archives are left out if they would be empty.
    shown = [at for at in range(len(headings)) if at < _ALWAYS or any(row[at] for row in rows)]
    output.print_table(
        [headings[at] for at in shown],
        [[row[at] for at in shown] for row in rows],
        align="llrrrr",
        cut="ARCHIVE",
        optional=("COMPACTED", "FORGOTTEN"),
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
        "" if archive is None or archive.drop_due_at_ms is None else _day(archive.drop_due_at_ms),
        "" if archive is None else archive.location,
    )


def _day(at_ms: int) -> str:
    return timestamp(at_ms).partition("T")[0]

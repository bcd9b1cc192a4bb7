"""The result of copying a store."""

from __future__ import annotations

from tandem_store.cli import output
from tandem_store.cli.views.detached_months import note_archives
from tandem_store.cli.views.values import duration, number
from tandem_store.copying import CopyReport


def show(report: CopyReport, target: str) -> None:
    """Print the rows of each table, the runs of each month, and whether both stores are equal."""
    tables = [(name, number(rows)) for name, rows in report.tables.items()]
    output.print_table(("TABLE", "ROWS"), tables, align="lr")
    output.print_message()
    if report.months:
        months = [(month.label, number(runs)) for month, runs in report.months.items()]
        output.print_table(("MONTH", "RUNS"), months, align="lr")
        output.print_message()
    note_archives(report.left_behind)
    if report.differences:
        _show_differences(report, target)
        return
    done = "It was copied before. Compared" if report.finished_before else "Copied and compared"
    output.print_message(f"{done} in {duration(round(report.seconds * 1_000))}: no differences.")
    output.print_message(f"The store is now at: {target}")


def _show_differences(report: CopyReport, target: str) -> None:
    rows = [
        (one.what, number(one.source.rows), number(one.target.rows)) for one in report.differences
    ]
    output.print_table(("DIFFERENT", "ROWS IN SOURCE", "IN TARGET"), rows, align="lrr")
    output.print_message(
        f"{target} differs from its source and cannot be opened. Was one of them written to "
        "during the copy?"
    )
    output.print_message("Delete that database, then copy again.")

"""The result of an import: copies by source and outcome, the findings, and the next steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tandem_store.cli import output
from tandem_store.cli.views import import_findings, import_next_steps
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import counted, number, size
from tandem_store.importer import ImportReport


def show(report: ImportReport, state: Path, *, months: bool = False) -> None:
    """Print how many copies had which outcome, what needs attention, and the next commands.

    ``months`` prints the counts of every month, not only of those with several outcomes.
    """
    if report.dry_run:
        output.print_message("Dry run: nothing was written.")
    outcomes = [outcome for outcome, copies in report.outcomes.items() if copies]
    output.print_message()
    _show_sources(report, outcomes)
    _show_months(report.by_month, outcomes, everything=months)
    import_findings.show(report)
    import_next_steps.show(report, outcomes, state)


def _show_sources(report: ImportReport, outcomes: Sequence[str]) -> None:
    rows = [
        (
            source.source.value,
            number(source.files),
            size(source.bytes),
            *_copies(source.outcomes, outcomes),
        )
        for source in report.sources
    ]
    if len(rows) != 1:
        files = number(sum(source.files for source in report.sources))
        read = size(sum(source.bytes for source in report.sources))
        rows.append(("total", files, read, *_copies(report.outcomes, outcomes)))
    headings = ("SOURCE", "FILES", "SIZE", "COPIES", *map(_heading, outcomes))
    align = "l" + "r" * (len(headings) - 1)
    output.print_table(headings, rows, align=align, optional=("FILES", "SIZE"))


def _show_months(
    by_month: Mapping[str, Mapping[str, int]], outcomes: Sequence[str], *, everything: bool
) -> None:
    shown = {
        month: counts
        for month, counts in sorted(by_month.items())
        if everything or sum(count > 0 for count in counts.values()) > 1
    }
    if not shown:
        return
    output.print_message()
    rows = [(month, *_copies(counts, outcomes)) for month, counts in shown.items()]
    headings = ("MONTH", "COPIES", *map(_heading, outcomes))
    output.print_table(headings, rows, align="l" + "r" * (len(headings) - 1))
    if left := len(by_month) - len(shown):
        months = counted(left, "month")
        output.print_message(f"and {months} with one outcome each; --months shows all.")


def _heading(outcome: str) -> str:
    return outcome.upper().replace("_", " ")


def _copies(counts: Mapping[str, int], outcomes: Sequence[str]) -> tuple[Cell, ...]:
    return (number(sum(counts.values())), *(number(counts[outcome]) for outcome in outcomes))

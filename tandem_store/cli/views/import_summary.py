"""What an import did, as the person checks it who is about to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tandem_store.cli import output
from tandem_store.cli.views import import_findings
from tandem_store.cli.views.import_end import put_end
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.text import counted, number, size

#: In the order of a table's columns.
OUTCOMES: Final = (
    "imported",
    "recovered",
    "restored_from",
    "superseded",
    "unchanged",
    "skipped",
    "quarantined",
)
_STYLES: Final = {"quarantined": "yellow", "recovered": "yellow"}

Json = Mapping[str, Any]


def put(report: Json, state: Path, *, months: bool = False) -> None:
    """Sources with read = sum of the outcomes, all that is not plain, and what to do next.

    ``months``: all months too, not only those whose copies had more than one outcome.
    """
    if report["dry_run"]:
        output.put("Dry run: nothing was written.")
    outcomes = [name for name in OUTCOMES if report["outcomes"][name]]
    output.put()
    _put_sources(report, outcomes)
    _put_months(report["by_month"], outcomes, everything=months)
    import_findings.put(report)
    put_end(report, outcomes, state)


def _put_sources(report: Json, outcomes: Sequence[str]) -> None:
    rows = [
        (
            source["source"],
            number(source["files"]),
            size(source["bytes"]),
            *_counted(source["outcomes"], outcomes),
        )
        for source in report["sources"]
    ]
    if len(rows) != 1:
        files = sum(source["files"] for source in report["sources"])
        read = sum(source["bytes"] for source in report["sources"])
        rows.append(("total", number(files), size(read), *_counted(report["outcomes"], outcomes)))
    headings = ("SOURCE", "FILES", "SIZE", "COPIES", *map(_heading, outcomes))
    output.put_table(
        headings, rows, right="l" + "r" * (len(headings) - 1), optional=("FILES", "SIZE")
    )


def _put_months(
    by_month: Mapping[str, Mapping[str, int]], outcomes: Sequence[str], *, everything: bool
) -> None:
    shown = {
        month: counts
        for month, counts in sorted(by_month.items())
        if everything or sum(count > 0 for count in counts.values()) > 1
    }
    if not shown:
        return
    output.put()
    rows = [(month, *_counted(counts, outcomes)) for month, counts in shown.items()]
    headings = ("MONTH", "COPIES", *map(_heading, outcomes))
    output.put_table(headings, rows, right="l" + "r" * (len(headings) - 1))
    if left := len(by_month) - len(shown):
        output.put(f"and {counted(left, 'month')} with one outcome each; --months has all.")


def _heading(outcome: str) -> str:
    return outcome.upper().replace("_", " ")


def _counted(counts: Mapping[str, int], outcomes: Sequence[str]) -> tuple[Cell, ...]:
    return (number(sum(counts.values())), *(number(counts.get(name, 0)) for name in outcomes))

"""The result of an export."""

from __future__ import annotations

from typing import Final

from tandem_store.cli import output
from tandem_store.cli.views.values import counted, duration, number, size
from tandem_store.exporter import ExportReport, LegacyExportReport, Limit

#: The runs of each limit that are named; the others are counted.
_NAMED: Final = 20
_LIMITS: Final = {
    Limit.TOO_DEEP: "nested too deep for the engine; their files are where it does not look",
    Limit.NEEDS_0_6_9: "with what only engine 0.6.9 knows; their files are where it does not look",
    Limit.TOO_DEEP_FOR_HOT: "nested too deep for the hot file; they have their shards only",
    Limit.ID_TOO_LONG: "with an id too long for the engine to save; they have their shards only",
    Limit.NEEDS_0_6_5: "that wait for a retry, which engines before 0.6.5 cannot read",
}


def show(report: ExportReport) -> None:
    """Print how much was written, and where it is."""
    what = counted(report.runs, "run")
    if report.node_outputs is not None:
        what += f" and {counted(report.node_outputs, 'node output')}"
    output.print_message(
        f"Exported {what}, {size(report.bytes)}, in {_took(report.seconds)}: {report.target}"
    )
    note_missing(report)


def note_missing(report: ExportReport | LegacyExportReport) -> None:
    """Print on stderr what the store has no content of any more."""
    if report.forgotten:
        output.print_note(
            f"Note: the content of {counted(report.forgotten, 'run')} was forgotten and is missing."
        )
    if report.detached:
        output.print_note(
            f"Note: detached months, with {counted(report.detached, 'run')}, were not searched. "
            "To see where they are: tandem-store months list"
        )


def show_legacy(report: LegacyExportReport) -> None:
    """Print what was written for the engine, what it cannot read, and how it is started on it."""
    for limit, count in sorted(report.limits.items(), key=lambda one: list(Limit).index(one[0])):
        output.print_message(f"{counted(count, 'run')} {_LIMITS[limit]}:")
        these = [(one.run_id, one.path) for one in report.limited if one.limit is limit]
        output.print_table(("RUN", "FILE"), these[:_NAMED], cut="FILE")
        if count > _NAMED:
            output.print_message(f"and {number(count - _NAMED)} more; --json names all of them.")
        output.print_message()
    if report.quarantined:
        output.print_message(
            f"{counted(report.quarantined, 'item')} in quarantine stay in the store only: "
            "tandem-store quarantine list"
        )
    note_missing(report)
    if report.already_there:
        output.print_message(
            f"{counted(report.already_there, 'run')} had been written by an interrupted call."
        )
    output.print_message(
        f"Exported {counted(report.runs, 'run')}, {number(report.hot)} of them in the hot file, "
        f"and {counted(report.definitions, 'definition')}, {size(report.bytes)}, in "
        f"{_took(report.seconds)}: {report.target}"
    )
    output.print_message(
        "Start the engine with TANDEM_STATE_DIR set to that folder, or move its data folder to "
        "where the engine's was. Engines up to 0.6.8 read it. From 0.6.9 on, an engine ignores "
        "these files once it has its own database: move data/stateful_runtime.sqlite3 away first."
    )


def _took(seconds: float) -> str:
    return duration(round(seconds * 1_000))

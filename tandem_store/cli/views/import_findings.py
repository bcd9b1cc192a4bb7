"""What needs attention after an import: one list for each kind of finding."""

from __future__ import annotations

from tandem_store.cli import output
from tandem_store.cli.views.item_lists import SHOWN, show_item, show_list, show_name, show_skipped
from tandem_store.cli.views.values import counted, number, one_line, timestamp
from tandem_store.importer import ImportReport
from tandem_store.importer.report import Future
from tandem_store.importer.truncated_files import Truncated
from tandem_store.quarantine import QuarantineItem


def show(report: ImportReport) -> None:
    """Print each kind of finding that there is."""
    show_list("In quarantine", report.quarantined, _show_quarantined)
    show_list("Files that end too early", report.truncated, _show_truncated)
    _show_future(report.future)
    show_list("Runs of which only a stub was left", report.stubs, show_name)
    show_list("Runs that could be restored only in part", report.partial, show_name)
    show_list("Newer in the engine's own database", report.newer_in_engine_db, show_name)
    show_list("Skipped, because they cannot hold runs", report.skipped_files, show_skipped)
    show_list("NOT READ", report.not_read, show_skipped)


def _show_quarantined(item: QuarantineItem) -> None:
    heading = f"  {item.id}  {item.reason}"
    show_item(heading, item.path, item.message, key=item.key, style="yellow")


def _show_truncated(file: Truncated) -> None:
    were = "was" if file.saved == 1 else "were"
    is_cut = f"{file.partial} {'is' if file.partial == 1 else 'are'} cut off, and "
    output.print_paragraph(
        one_line(
            f"{file.path} ends too early: {counted(file.saved, 'run')} {were} saved, "
            f"{is_cut if file.partial else ''}an unknown number after that is lost. "
            "Look for another copy of the file."
        )
    )


def _show_future(future: Future) -> None:
    if not future.count:
        return
    output.print_message()
    output.print_message(
        f"Warning: {counted(future.count, 'run')} with a time in the future; a clock was wrong:"
    )
    for run in future.runs[:SHOWN]:
        show_name(run.run_id)
        output.print_content(f"    {timestamp(run.at_ms)}, in the month {run.month.label}")
    if left := future.count - len(future.runs[:SHOWN]):
        output.print_message(f"  ... and {number(left)} more; --json lists up to 1,000.")

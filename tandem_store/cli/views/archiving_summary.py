"""What happened to a month that was detached, attached, dropped or forgotten."""

from __future__ import annotations

import shlex

from tandem_store.archiving import AttachReport, DetachReport, DropReport, ForgetReport
from tandem_store.cli import output
from tandem_store.cli.views.values import counted, duration, size


def show_detached(report: DetachReport) -> None:
    """Print where the month is now, and how to read it and to bring it back."""
    file = shlex.quote(str(report.archive))
    output.print_message(
        f"Detached {report.month}: {counted(report.runs, 'run')}{_items(report.quarantined)} went "
        f"into {report.archive} ({size(report.bytes)}), which was read back."
    )
    output.print_message(
        f"{_sizes(report.database_bytes_before, report.database_bytes_after)} Took "
        f"{duration(round(report.seconds * 1_000))}."
    )
    # In two pieces, because a command that already has --db gets none.
    output.print_message(f"To look into it: tandem-store --db {file} runs list")
    output.print_message(f"To bring it back: tandem-store months attach {file}")


def show_attached(report: AttachReport) -> None:
    """Print what came back."""
    output.print_message(
        f"Attached {report.month}: {counted(report.runs, 'run')}{_items(report.quarantined)} came "
        f"back from {report.archive} and were compared with it. Took "
        f"{duration(round(report.seconds * 1_000))}."
    )
    if report.restored:
        output.print_message(f"Of {counted(report.restored, 'run')} the content was restored.")
    output.print_message("The archive stays as it is; remove it when a backup has the month.")


def show_dropped(report: DropReport) -> None:
    """Print what is gone, and whether the file is."""
    output.print_message(
        f"Dropped {report.month}: {counted(report.runs, 'run')}. Their totals stay in stats."
    )
    if report.removed:
        output.print_message(f"Removed {report.archive}.")
    else:
        output.print_message(f"{report.archive} was not removed, because {report.left}.")


def show_forgotten(report: ForgetReport) -> None:
    """Print of what the content is gone, and what stays."""
    if report.archive is not None:
        file = shlex.quote(str(report.archive))
        output.print_message(
            f"The content is in {report.archive}, which was read back. To restore it from there: "
            f"tandem-store months attach {file}"
        )
    output.print_message(
        f"Forgot the content of {report.month}: {counted(report.runs, 'run')}"
        f"{_items(report.quarantined)}. Status, times, tokens, cost and failures stay."
    )
    output.print_message(
        f"{_sizes(report.database_bytes_before, report.database_bytes_after)} Took "
        f"{duration(round(report.seconds * 1_000))}."
    )


def _items(count: int) -> str:
    return f" and {counted(count, 'quarantined item')}" if count else ""


def _sizes(before: int, after: int) -> str:
    if size(before) == size(after):
        return f"The database takes {size(after)} as before."
    return f"The database takes {size(after)} instead of {size(before)}."

"""The result of a backup, and of a restore."""

from __future__ import annotations

import shlex

from tandem_store.backup import BackupReport, RestoreReport
from tandem_store.backup.report import Content
from tandem_store.cli import output
from tandem_store.cli.views.detached_months import note_archives
from tandem_store.cli.views.values import counted, size, timestamp


def show_backup(report: BackupReport) -> None:
    """Print where the backup is and what it contains, and what happened to older backups."""
    note_archives(report.content.left_behind)
    for path in report.removed:
        output.print_message(f"Removed an older backup: {path}")
    for path in report.altered:
        output.print_message(f"Kept an older backup that was changed after it was made: {path}")
    if report.not_recorded is not None:
        output.print_note(
            "The backup is good, but it could not be recorded in the store, so --keep will never "
            f"remove it: {report.not_recorded}"
        )
    output.print_message(
        f"{report.file} is the store as of {timestamp(report.at_ms)}, compared and read back."
    )
    output.print_message(f"SHA-256: {report.digest}")
    output.print_message(
        f"{_contents(report.content)}, {size(report.size)}, {report.seconds:.1f} s. To restore it: "
        f"tandem-store --db NEW restore {shlex.quote(str(report.file))}"
    )


def show_restore(report: RestoreReport, store: str) -> None:
    """Print what was restored, and where the store is now."""
    note_archives(report.content.left_behind)
    if not report.sealed:
        output.print_message(
            "The file has no valid checksum: it was not made as a backup, or was written to since. "
            "SQLite's own checks found nothing wrong."
        )
    if report.upgraded_from is not None:
        output.print_message(
            f"Upgraded from revision {report.upgraded_from} to {report.content.revision}; the "
            "backup file is unchanged."
        )
    output.print_message(
        f"{_contents(report.content)}, {report.seconds:.1f} s. The store is now at: {store}"
    )


def _contents(content: Content) -> str:
    months = sum(runs > 0 for runs in content.months.values())
    return f"{counted(content.runs, 'run')} in {counted(months, 'month')}"

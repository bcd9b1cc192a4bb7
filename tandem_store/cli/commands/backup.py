"""``tandem-store backup`` and ``restore``: the store as one file, and back."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from tandem_store.backup import BackupReport, RestoreReport, backup_store, restore_store
from tandem_store.backup.report import Content
from tandem_store.cli import options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views.text import moment, number, size
from tandem_store.database import urls


@click.command(short_help="Back the store up into one verified file.")
@click.argument("target", metavar="FILE", type=click.Path(path_type=str))
@options.database
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    help="In a folder: keep the newest N backups of this store, remove older ones.",
)
@options.as_json
def backup(url: str, target: str, keep: int | None, as_json: bool) -> None:
    """Back the store up into FILE, while services go on reading and writing.

    The file gets its name only after it was compared with the store, row by row, and read back.
    It is one SQLite file, from PostgreSQL too, compressed if its name ends in .zst. An existing
    file is never overwritten. If FILE is a folder, the backup is named after the store and the
    time.
    """
    if keep is not None and not Path(target).is_dir():
        raise click.UsageError(
            "--keep needs a folder as FILE, which must be there: only backups that were named "
            "by the program are removed."
        )
    with progress_bar() as progress:
        report = backup_store(url, target, keep=keep, progress=progress)
    if as_json:
        output.put_json(report.to_json())
    else:
        _put_backup(report)


@click.command(short_help="Restore a backup into a new database.")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@options.database
@options.as_json
def restore(url: str, source: Path, as_json: bool) -> None:
    """Restore the backup FILE into the database that --db names, which must be new.

    The backup is checked first and only read; one of an older revision is upgraded in the new
    database. The store cannot be opened before it is complete. Interrupted, run the same command
    again.
    """
    with progress_bar() as progress:
        report = restore_store(url, source, progress=progress)
    if as_json:
        output.put_json({"store": urls.shown(url), **report.to_json()})
    else:
        _put_restore(report, urls.shown(url))


def _put_backup(report: BackupReport) -> None:
    _put_left_behind(report.content)
    for path in report.removed:
        output.put(f"Removed an older backup: {path}")
    for path in report.altered:
        output.put(f"Left an older backup that is not as it was written: {path}")
    if report.not_recorded is not None:
        output.note(
            "The backup is good, but the store does not know of it, and --keep will not remove "
            f"it: {report.not_recorded}"
        )
    output.put(f"{report.file} is the store as of {moment(report.at_ms)}, compared and read back.")
    output.put(f"SHA-256: {report.digest}")
    output.put(
        f"{_held(report.content)}, {size(report.size)}, {report.seconds:.1f} s. To restore it: "
        f"tandem-store --db NEW restore {shlex.quote(str(report.file))}"
    )


def _put_restore(report: RestoreReport, store: str) -> None:
    _put_left_behind(report.content)
    if not report.sealed:
        output.put(
            "The file has no checksum, because it was not made by a backup or was written to "
            "since; what SQLite checks of it is right."
        )
    if report.upgraded_from is not None:
        output.put(
            f"Upgraded from revision {report.upgraded_from} to {report.content.revision}; the "
            "backup stays as it is."
        )
    output.put(f"{_held(report.content)}, {report.seconds:.1f} s. The store is now at: {store}")


def _put_left_behind(content: Content) -> None:
    for month in content.left_behind:
        output.put(f"The documents of {month} are not in it: the month is detached.")


def _held(content: Content) -> str:
    months = sum(runs > 0 for runs in content.months.values())
    runs = f"{number(content.runs)} run{'' if content.runs == 1 else 's'}"
    return f"{runs} in {number(months)} month{'' if months == 1 else 's'}"

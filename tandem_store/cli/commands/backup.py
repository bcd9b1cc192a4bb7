"""``tandem-store backup``: backs up the store to one file."""

from __future__ import annotations

from pathlib import Path

import click

from tandem_store.backup import backup_store
from tandem_store.cli import options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import backup_summary


@click.command(short_help="Back up the store to one verified file.")
@click.argument("target", metavar="FILE", type=click.Path(path_type=str))
@options.database
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    help="If FILE is a folder: keep the newest N backups of this store and remove older ones.",
)
@options.as_json
def backup(url: str, target: str, keep: int | None, as_json: bool) -> None:
    """Back up the store to FILE, while services continue to read and write.

    The backup is one SQLite file, even if the store is in PostgreSQL; it is compressed if its name
    ends in .zst. It appears under its name only after it has been compared with the store, row by
    row, and read back. An existing file is never overwritten. If FILE is a folder, the backup is
    named after the store and the time.
    """
    if keep is not None and not Path(target).is_dir():
        raise click.UsageError(
            "--keep needs an existing folder as FILE, because it removes only backups that were "
            "named by the program."
        )
    with progress_bar() as progress:
        report = backup_store(url, target, keep=keep, progress=progress)
    if as_json:
        output.print_json(report.to_json())
    else:
        backup_summary.show_backup(report)

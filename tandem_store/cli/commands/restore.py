"""``tandem-store restore``: restores a backup into a new database."""

from __future__ import annotations

from pathlib import Path

import click

from tandem_store.backup import restore_store
from tandem_store.cli import options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import backup_summary
from tandem_store.database.urls import shown


@click.command(short_help="Restore a backup into a new database.")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@options.database
@options.as_json
def restore(url: str, source: Path, as_json: bool) -> None:
    """Restore the backup FILE into the database that --db names, which must be new.

    The backup is checked first and is only read; a backup of an older revision is upgraded in the
    new database. The new store cannot be opened until it is complete. If the restore is
    interrupted, run the same command again.
    """
    with progress_bar() as progress:
        report = restore_store(url, source, progress=progress)
    if as_json:
        output.print_json({"store": shown(url), **report.to_json()})
    else:
        backup_summary.show_restore(report, shown(url))

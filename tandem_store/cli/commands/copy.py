"""``tandem-store copy``: copies the store to another database."""

from __future__ import annotations

import click

from tandem_store.cli import exits, options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.suggested_commands import suggest_for
from tandem_store.cli.views import copy_summary
from tandem_store.copying import copy_store
from tandem_store.database.urls import shown


@click.command()
@options.database
@click.option("--from", "source", metavar="URL", help="The store to copy.  [default: --db]")
@click.option("--to", "target", metavar="URL", required=True, help="A new or empty database.")
@options.as_json
@click.pass_context
def copy(context: click.Context, url: str, source: str | None, target: str, as_json: bool) -> None:
    """Copy the store to another database.

    Source and target may be SQLite or PostgreSQL, in any combination. Stop everything that writes
    to the source first; the copy itself only reads it. The target is created and upgraded if
    necessary, and cannot be opened until it has been compared with the source, row by row. If the
    copy is interrupted, run the same command again to continue.

    Exits with 4 if source and target differ.
    """
    if source is not None:
        suggest_for(context, source)
    with progress_bar() as progress:
        report = copy_store(source or url, target, progress=progress)
    if as_json:
        output.print_json(report.to_json())
    else:
        copy_summary.show(report, shown(target))
    context.exit(exits.of_copy(report))

"""``tandem-store doctor``: looks for damage, unsafe settings and open tasks."""

from __future__ import annotations

import click

from tandem_store.cli import exits, options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import doctor_summary
from tandem_store.doctor import examine


@click.command()
@click.option("--deep", is_flag=True, help="Read and decode every document as well.")
@options.database
@options.as_json
@click.pass_context
def doctor(context: click.Context, url: str, deep: bool, as_json: bool) -> None:
    """Look for damage, unsafe settings and open tasks. Nothing is changed.

    Each finding names the command that helps. Exits with 1 if a problem must be solved, and with 0
    if there are only warnings.
    """
    with progress_bar() as progress:
        report = examine(url, deep=deep, progress=progress)
    if as_json:
        output.print_json(doctor_summary.to_json(report))
    else:
        doctor_summary.show(report)
    context.exit(exits.of_examination(report))

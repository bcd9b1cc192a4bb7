"""``tandem-store stats``: counts runs, tokens and cost."""

from __future__ import annotations

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.views import statistics
from tandem_store.cli.views.unfinished_imports import note_unfinished_imports


@click.command()
@options.database
@click.option("--attached-only", is_flag=True, help="Leave out detached and dropped months.")
@options.as_json
def stats(url: str, attached_only: bool, as_json: bool) -> None:
    """Count runs, tokens and estimated cost by month and status.

    A run is counted in the month of its last update, so it moves when it is changed. Cost is in US
    dollars. The store keeps the totals of months that were detached or dropped, and marks them.
    """
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        found = tx.runs.stats(attached_only=attached_only)
    if as_json:
        output.print_json(statistics.to_json(found))
    else:
        statistics.show(found)

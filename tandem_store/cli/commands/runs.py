"""``tandem-store runs``: lists runs and shows one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from tandem_store import open_store
from tandem_store.cli import options, output, run_filters
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.run_ids import find_run, find_run_id
from tandem_store.cli.views import run_details, run_list, run_origins
from tandem_store.cli.views.unfinished_imports import note_unfinished_imports


@click.group(cls=CommandGroup)
@options.database
def runs(url: str) -> None:
    """List runs, or show one."""


@runs.command("list", short_help="List runs, the newest first.")
@options.database
@run_filters.filter_options
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="The number of runs on a page.",
)
@click.option("--cursor", metavar="TEXT", help="Continue after a page that printed this cursor.")
@click.option("--absolute", is_flag=True, help="Show times instead of ages.")
@options.as_json
def list_runs(
    url: str, limit: int, cursor: str | None, absolute: bool, as_json: bool, **conditions: Any
) -> None:
    """List runs by the time of their creation, the newest first.

    On a terminal the list has short ids and ages, and reasons are cut to fit. Anywhere else, such
    as in a pipe, nothing is shortened.
    """
    query = run_filters.Query.of(conditions, cursor, now=datetime.now(UTC))
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        page = tx.runs.list(query.filter, limit=limit, cursor=query.cursor)
    next_cursor = query.next_cursor(page.next_cursor)
    if as_json:
        items = [run_list.to_json(run) for run in page.items]
        output.print_json({"items": items, "next_cursor": next_cursor})
    else:
        run_list.show(page.items, next_cursor, absolute=absolute)


@runs.command("show", short_help="Show one run.")
@click.argument("run_id", metavar="ID")
@options.database
@click.option("--node", metavar="NODE", help="Show only the output of this node.")
@click.option("--events", is_flag=True, help="Show all events, not only the last ones.")
@click.option(
    "--origin", is_flag=True, help="Show the copies that were imported, and the outcome of each."
)
@options.as_json
def show_run(
    url: str, run_id: str, node: str | None, events: bool, origin: bool, as_json: bool
) -> None:
    """Show one run. With --json, print the complete record as the engine writes it.

    ID may be the beginning of a run's id, if only one run begins so; the prefix automation-v2-run-
    may be left out.
    """
    if node is not None and origin:
        raise click.UsageError("--node and --origin cannot be used together.")
    if origin:
        _show_origins(url, run_id, as_json)
        return
    with open_store(url) as store, store.read() as tx:
        run = find_run(tx, run_id)
    if node is not None:
        run_details.show_output(run, node, as_json)
    elif as_json:
        output.print_json(run.to_legacy())
    else:
        run_details.show(run, run_id, all_events=events)


def _show_origins(url: str, given: str, as_json: bool) -> None:
    with open_store(url) as store, store.read() as tx:
        # A run that is not in the store may have been read all the same.
        run_id = given if tx.ledger.origins(given) else find_run_id(tx, given)
        origins = tx.ledger.origins(run_id)
    if as_json:
        items = [run_origins.to_json(origin) for origin in origins]
        output.print_json({"run_id": run_id, "items": items})
    else:
        run_origins.show(run_id, origins)

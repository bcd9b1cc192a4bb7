"""``tandem-store runs``: lists of runs, and one run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from tandem_store import NotFoundError, RunRecord, Store, open_store
from tandem_store.cli import options, output, run_listing, run_summary
from tandem_store.cli.moment import Moment
from tandem_store.cli.unsettled import note_unsettled
from tandem_store.records import RunStatus

STATUSES = [status.value for status in RunStatus]


@click.group(short_help="List runs, or show one.")
@options.database
def runs(url: str) -> None:
    """List runs, or show one."""


@runs.command("list")
@options.database
@click.option("--automation", metavar="ID", multiple=True, help="Of this automation; repeatable.")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Repeatable.")
@click.option("--org", metavar="ID", help="Of this organisation.")
@click.option("--workspace", metavar="ID", help="Of this workspace.")
@click.option("--since", type=Moment(), help="Created then or later: 2026-08-01, 7d, 12h.")
@click.option("--until", type=Moment(), help="Created before; a date means its beginning, UTC.")
@click.option("--finished-since", type=Moment(), help="Ended then or later.")
@click.option("--finished-until", type=Moment(), help="Ended before.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--cursor", metavar="TEXT", help="Where the page before ended.")
@options.as_json
def list_runs(url: str, limit: int, cursor: str | None, as_json: bool, **conditions: Any) -> None:
    """List runs, newest created first."""
    asked = run_listing.Question.of(conditions, cursor, now=datetime.now(UTC))
    with open_store(url) as store, store.read() as tx:
        note_unsettled(tx)
        page = tx.runs.list(asked.filter, limit=limit, cursor=asked.cursor)
    following = asked.continued(page.next_cursor)
    if as_json:
        items = [run_listing.item(run) for run in page.items]
        output.put_json({"items": items, "next_cursor": following})
    else:
        run_listing.put(page.items, following)


@runs.command("show")
@click.argument("run_id")
@options.database
@click.option("--node", metavar="NODE", help="Show the output of this node alone.")
@click.option("--origin", is_flag=True, help="Show the copies that it came from and their fates.")
@options.as_json
def show_run(url: str, run_id: str, node: str | None, origin: bool, as_json: bool) -> None:
    """Show one run; as JSON, the whole record as the engine writes it."""
    if node is not None and origin:
        raise click.UsageError("--node and --origin exclude each other.")
    with open_store(url) as store:
        if origin:
            _put_origins(store, run_id, as_json)
        elif node is not None:
            run_summary.put_output(_run(store, run_id), node, as_json)
        elif as_json:
            output.put_json(_run(store, run_id).to_legacy())
        else:
            run_summary.put(_run(store, run_id))


def _run(store: Store, run_id: str) -> RunRecord:
    with store.read() as tx:
        run = tx.runs.get(run_id)
    if run is None:
        raise _unknown(run_id)
    return run


def _put_origins(store: Store, run_id: str, as_json: bool) -> None:
    with store.read() as tx:
        origins = tx.ledger.origins(run_id)
        if not origins and not tx.runs.exists(run_id):
            raise _unknown(run_id)
    if as_json:
        items = [run_listing.origin_item(origin) for origin in origins]
        output.put_json({"run_id": run_id, "items": items})
    else:
        run_listing.put_origins(run_id, origins)


def _unknown(run_id: str) -> NotFoundError:
    return NotFoundError(f"There is no run {run_id!r}. See which there are: tandem-store runs list")

"""``tandem-store runs``: lists of runs, and one run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from tandem_store import ReadTransaction, RunRecord, open_store
from tandem_store.cli import options, output
from tandem_store.cli.run_filters import Question
from tandem_store.cli.run_ids import resolved
from tandem_store.cli.times import Moment
from tandem_store.cli.views import run_details, run_list, run_origins
from tandem_store.cli.views.unfinished_imports import note_unsettled
from tandem_store.records import RunStatus, StopKind

Command = TypeVar("Command", bound=Callable[..., Any])

STATUSES = [status.value for status in RunStatus]
STOP_KINDS = [kind.value for kind in StopKind]


@click.group(short_help="List runs, or show one.")
@options.database
def runs(url: str) -> None:
    """List runs, or show one."""


def _conditions(command: Command) -> Command:
    """The options that choose runs."""
    declared = [
        click.option(
            "--automation", metavar="ID", multiple=True, help="Of this automation; repeatable."
        ),
        click.option(
            "--status",
            type=click.Choice(STATUSES),
            multiple=True,
            help="With this status; repeatable.",
        ),
        click.option(
            "--stop-kind",
            type=click.Choice(STOP_KINDS),
            multiple=True,
            help="Stopped in this way; repeatable.",
        ),
        click.option(
            "--trigger", metavar="TYPE", multiple=True, help="Started by this trigger; repeatable."
        ),
        click.option("--text", metavar="TEXT", help="In ids, failures or details, in any case."),
        click.option(
            "--terminal/--open",
            default=None,
            help="Only runs that have ended, or that have not.",
        ),
        click.option("--org", metavar="ID", help="Of this organisation."),
        click.option("--workspace", metavar="ID", help="Of this workspace."),
        click.option(
            "--since",
            type=Moment(),
            help="Created then or later: 2026-08-01, 2026-08-01T12:00:00Z, or 2w, 7d, 12h, 30min "
            "ago.",
        ),
        click.option(
            "--until", type=Moment(), help="Created before; a date is its beginning, UTC."
        ),
        click.option("--updated-since", type=Moment(), help="Last changed then or later."),
        click.option("--updated-until", type=Moment(), help="Last changed before."),
        click.option("--finished-since", type=Moment(), help="Ended then or later."),
        click.option("--finished-until", type=Moment(), help="Ended before."),
    ]
    for option in reversed(declared):
        command = option(command)
    return command


@runs.command("list")
@options.database
@_conditions
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many runs."
)
@click.option("--cursor", metavar="TEXT", help="What the previous page printed.")
@click.option("--absolute", is_flag=True, help="Show times instead of ages.")
@options.as_json
def list_runs(
    url: str, limit: int, cursor: str | None, absolute: bool, as_json: bool, **conditions: Any
) -> None:
    """List runs, newest created first.

    A terminal shows short ids, ages, and reasons cut to its width; a pipe gets everything in full.
    """
    asked = Question.of(conditions, cursor, now=datetime.now(UTC))
    with open_store(url) as store, store.read() as tx:
        note_unsettled(tx)
        page = tx.runs.list(asked.filter, limit=limit, cursor=asked.cursor)
    following = asked.continued(page.next_cursor)
    if as_json:
        items = [run_list.item(run) for run in page.items]
        output.put_json({"items": items, "next_cursor": following})
    else:
        run_list.put(page.items, following, absolute=absolute)


@runs.command("show")
@click.argument("run_id", metavar="ID")
@options.database
@click.option("--node", metavar="NODE", help="Show only the output of this node.")
@click.option("--events", is_flag=True, help="Show all events, not only the last ones.")
@click.option(
    "--origin", is_flag=True, help="Show the copies that it came from, with their outcomes."
)
@options.as_json
def show_run(
    url: str, run_id: str, node: str | None, events: bool, origin: bool, as_json: bool
) -> None:
    """Show one run; as JSON, the whole record as the engine writes it.

    ID may be any unique beginning of a run's id, with or without automation-v2-run-.
    """
    if node is not None and origin:
        raise click.UsageError("--node and --origin exclude each other.")
    with open_store(url) as store, store.read() as tx:
        if origin:
            _put_origins(tx, run_id, as_json)
            return
        run = _run(tx, run_id)
    if node is not None:
        run_details.put_output(run, node, as_json)
    elif as_json:
        output.put_json(run.to_legacy())
    else:
        run_details.put(run, run_id, all_events=events)


def _run(tx: ReadTransaction, given: str) -> RunRecord:
    run = tx.runs.get(given) or tx.runs.get(resolved(tx, given))
    assert run is not None
    return run


def _put_origins(tx: ReadTransaction, given: str, as_json: bool) -> None:
    # What the store does not hold may still have been read.
    origins = tx.ledger.origins(given)
    run_id = given if origins else resolved(tx, given)
    origins = origins or tx.ledger.origins(run_id)
    if as_json:
        items = [run_origins.item(origin) for origin in origins]
        output.put_json({"run_id": run_id, "items": items})
    else:
        run_origins.put(run_id, origins)

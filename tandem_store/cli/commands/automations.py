"""``tandem-store automations``: what automations do, and what is done about one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from tandem_store import RunFilter, open_store
from tandem_store.cli import options, output
from tandem_store.cli.automation_ids import find_automation_id
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.times import Moment, resolve
from tandem_store.cli.views import (
    automation_details,
    automation_health,
    automation_list,
    hold_list,
    run_list,
)
from tandem_store.cli.views.detached_months import note_detached_months
from tandem_store.cli.views.unfinished_imports import note_unfinished_imports
from tandem_store.clock import milliseconds
from tandem_store.holds import AUTOMATION

Command = TypeVar("Command", bound=Callable[..., Any])

#: How many runs ``show`` lists.
_LAST_RUNS = 5


def _since(command: Command) -> Command:
    return click.option(
        "--since",
        type=Moment(),
        default="30d",
        show_default=True,
        callback=_resolved,
        help="Figures are over the runs created at this time or later: a time, or an age such as "
        "7d.",
    )(command)


def _resolved(
    _context: click.Context, _parameter: click.Parameter, value: datetime | timedelta
) -> datetime | None:
    return resolve(value, datetime.now(UTC))


@click.group(cls=CommandGroup)
@options.database
def automations(url: str) -> None:
    """List automations, show one or its health, or hold one with all of its runs."""


@automations.command("list", short_help="List automations, the last active first.")
@options.database
@_since
@options.as_json
def list_automations(url: str, since: datetime, as_json: bool) -> None:
    """List every automation that has a definition or runs, the one with the newest run first.

    NOW counts the runs that are running or pausing. RUNS, OK, MEDIAN and COST USD are over the runs
    created since the given time: OK is how many completed of those that ended, MEDIAN their median
    duration. NEXT is when the automation fires next, if the engine wrote that into its definition.
    Runs of detached months are left out.
    """
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        activities = tx.runs.automations(since=since)
        found = automation_list.merged(tx.automations.iterate(), activities)
        detached = tx.runs.detached()
    if as_json:
        items = [automation_list.to_json(one) for one in found]
        output.print_json({"since_ms": milliseconds(since), "items": items})
    else:
        automation_list.show(found)
        note_detached_months(detached)


@automations.command("show", short_help="Show one automation.")
@click.argument("automation_id", metavar="ID")
@options.database
@_since
@options.as_json
def show(automation_id: str, url: str, since: datetime, as_json: bool) -> None:
    """Show one automation: its definition, what it does now, its health and its last runs.

    With --json, print the complete definition as the engine writes it, and the figures. ID may be
    the beginning of an automation's id, if only one begins so; the prefix automation-v2- may be
    left out.
    """
    with open_store(url) as store, store.read() as tx:
        found = find_automation_id(tx, automation_id)
        definition = tx.automations.get(found)
        automation = automation_list.Listed(
            found, definition, tx.runs.automation(found, since=since)
        )
        health = tx.runs.health(found)
        last_runs = tx.runs.list(RunFilter(automation_id=found), limit=_LAST_RUNS).items
    if as_json:
        output.print_json(
            {
                **automation_list.to_json(automation),
                "since_ms": milliseconds(since),
                "health": automation_health.to_json(health),
                "last_runs": [run_list.to_json(run) for run in last_runs],
                "definition": None if definition is None else definition.to_legacy(),
            }
        )
    else:
        automation_details.show(automation, since, health, last_runs)


@automations.command("health", short_help="Show how the last runs of an automation ended.")
@click.argument("automation_id", metavar="ID")
@options.database
@click.option(
    "--last",
    metavar="N",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="The number of runs: the newest that have ended.",
)
@options.as_json
def health(automation_id: str, url: str, last: int, as_json: bool) -> None:
    """Show the engine's figures over the newest runs of an automation that have ended.

    The engine's compaction removes the outputs of older runs, and the results of their checks with
    them. Such runs are left out of "Passed validation" and "Needed repair", and are counted as
    "Unknown outputs". ID may be shortened as for show.
    """
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        found = tx.runs.health(find_automation_id(tx, automation_id), last=last)
    if as_json:
        output.print_json(automation_health.to_json(found))
    else:
        automation_health.show(found)


@automations.command("hold", short_help="Keep every run of an automation.")
@click.argument("automation_id", metavar="ID")
@options.database
@options.why
@options.as_json
def hold(automation_id: str, url: str, why: str, as_json: bool) -> None:
    """Keep every run of the automation ID in the store, those to come too.

    Their months cannot be detached, forgotten or dropped until the hold is released.
    """
    with open_store(url) as store, store.begin() as tx:
        tx.holds.hold_automation(automation_id, why)
    hold_list.show_placed(AUTOMATION, automation_id, why, as_json)

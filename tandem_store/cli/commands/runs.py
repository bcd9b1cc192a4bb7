"""``tandem-store runs``: lists runs, shows one, compares two, and holds one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from tandem_store import ContentForgottenError, compare_runs, json_patch, open_store
from tandem_store.cli import exits, options, output, run_filters
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.run_ids import find_last_completed, find_run, find_run_id
from tandem_store.cli.run_pages import RunPages
from tandem_store.cli.views import hold_list, run_details, run_difference, run_list, run_origins
from tandem_store.cli.views.unfinished_imports import note_unfinished_imports
from tandem_store.holds import RUN
from tandem_store.records import RunOrder


@click.group(cls=CommandGroup)
@options.database
def runs(url: str) -> None:
    """List runs, show one, compare two, or hold one."""


@runs.command("list", short_help="List runs, the newest first.")
@options.database
@run_filters.filter_options
@click.option(
    "--order-by",
    type=click.Choice([order.value for order in RunOrder]),
    default=RunOrder.CREATED.value,
    show_default=True,
    help="What the runs are sorted by, the newest or greatest first.",
)
@click.option("--reverse", is_flag=True, help="The oldest or least first.")
@options.page
@click.option("--all", "everything", is_flag=True, help="List all runs; --limit is ignored.")
@options.fields(
    help="Only these columns, in this order: the names in --json; times without their _ms, such as "
    "created_at, as text.",
    records=False,
)
@click.option("--absolute", is_flag=True, help="Show times instead of ages.")
@options.fail_if_any
@options.as_json
def list_runs(
    url: str,
    order_by: str,
    reverse: bool,
    limit: int,
    cursor: str | None,
    everything: bool,
    fields: list[str] | None,
    absolute: bool,
    fail_if_any: bool,
    as_json: bool,
    **conditions: Any,
) -> None:
    """List runs, by default by the time of their creation, the newest first.

    On a terminal the list has short ids and ages, and reasons are cut to fit. Anywhere else, such
    as in a pipe, nothing is shortened. Runs that lack what the list is sorted by come last. Runs of
    detached months are left out; a note says how many.
    """
    query = run_filters.Query.of(conditions, cursor, now=datetime.now(UTC))
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        pages = RunPages(tx, query, RunOrder(order_by), reverse, limit, everything)
        if as_json:
            run_list.print_pages(pages, fields)
        else:
            run_list.show_pages(pages, fields, absolute=absolute)
    click.get_current_context().exit(exits.of_finding(pages.shown, fail_if_any=fail_if_any))


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

    If the content of the run was forgotten, what is left of it is shown.

    ID may be the beginning of a run's id, if only one run begins so; the prefix automation-v2-run-
    may be left out.
    """
    if node is not None and origin:
        raise click.UsageError("--node and --origin cannot be used together.")
    if origin:
        _show_origins(url, run_id, as_json)
        return
    try:
        with open_store(url) as store, store.read() as tx:
            run = find_run(tx, run_id)
            summary = tx.runs.summary(run.run_id)
            assert summary is not None  # both read the same state of the store
    except ContentForgottenError as error:
        if node is not None:
            raise
        _show_rest(url, run_id, str(error), as_json)
        return
    if node is not None:
        run_details.show_output(run, node, as_json)
    elif as_json:
        output.print_json(run.to_legacy())
    else:
        run_details.show(run, summary, run_id, all_events=events)


def _show_rest(url: str, given: str, why: str, as_json: bool) -> None:
    """Show what is left of a run whose content was forgotten."""
    with open_store(url) as store, store.read() as tx:
        run = tx.runs.summary(find_run_id(tx, given))
    assert run is not None  # it was found just now
    if as_json:
        output.print_json({**run_list.to_json(run), "forgotten": True})
    else:
        output.print_note(f"Note: {why}")
        run_details.show_summary(run)


@runs.command("diff", short_help="Compare two runs, or one with the last that completed.")
@click.argument("one", metavar="A")
@click.argument("other", metavar="[B]", required=False)
@options.database
@click.option(
    "--against",
    type=click.Choice(["last-completed"]),
    help="Compare with the last run of the automation that completed before.",
)
@click.option(
    "--all", "everything", is_flag=True, help="Show all differences, not only the first ones."
)
@options.as_json
def diff_runs(
    one: str, other: str | None, url: str, against: str | None, everything: bool, as_json: bool
) -> None:
    """Show how the run B differs from the run A: status, times, cost, definition, nodes, outputs.

    With --against last-completed, show instead how A differs from the newest completed run of the
    same automation and tenant that was created before it. That run is then on the left, so what is
    new in A is on the right.

    With --json, print the JSON Patch (RFC 6902) from left to right: applied to the record that
    "runs show --json" prints of the run on the left, it makes that of the run on the right.

    Long values are cut; --json has all of them. A and B may be beginnings of ids, as for "runs
    show". The exit code is 0 whether the runs differ or not.
    """
    if (other is None) is (against is None):
        raise click.UsageError("Give either a second run B or --against last-completed.")
    with open_store(url) as store, store.read() as tx:
        given = find_run(tx, one)
        if other is None:
            sides = (find_last_completed(tx, given), given)
        else:
            sides = (given, find_run(tx, other))
    run_difference.note_other_automation(*sides)
    if as_json:
        output.print_json(json_patch(*sides))
    else:
        headings = ("A", "B") if against is None else ("LAST COMPLETED", "THIS RUN")
        run_difference.show(compare_runs(*sides), headings, everything=everything)


@runs.command("hold", short_help="Keep a run in the store.")
@click.argument("run_id", metavar="ID")
@options.database
@options.why
@options.as_json
def hold_run(run_id: str, url: str, why: str, as_json: bool) -> None:
    """Keep the run ID in the store.

    Its month cannot be detached, forgotten or dropped, and no service can delete the run, until the
    hold is released. ID may be the beginning of a run's id, if only one run begins so.
    """
    with open_store(url) as store, store.begin() as tx:
        found = find_run_id(tx, run_id)
        tx.holds.hold_run(found, why)
    hold_list.show_placed(RUN, found, why, as_json)


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

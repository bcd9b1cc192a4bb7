"""``tandem-store months``: lists months, creates their tables, and compacts them.

``archiving`` has the commands that take months out and bring them back.
"""

from __future__ import annotations

import click

from tandem_store import open_store
from tandem_store.cli import exits, options, output
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.commands import archiving
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.times import MonthName
from tandem_store.cli.views import compact_summary, month_list
from tandem_store.month import Month
from tandem_store.months import AHEAD
from tandem_store.recompression import compact_months, plan_compacting


@click.group(cls=CommandGroup)
@options.database
def months(url: str) -> None:
    """List, create and compact months; detach and attach, forget or drop them.

    A run belongs to the month of its last update.
    """


for command in archiving.COMMANDS:
    months.add_command(command)


@months.command("list", short_help="List the months.")
@options.database
@options.as_json
def list_months(url: str, as_json: bool) -> None:
    """List the months, oldest first: state, runs, size, and where detached ones are."""
    with open_store(url) as store, store.read() as tx:
        found = tx.months.list()
    if as_json:
        output.print_json({"items": [month_list.to_json(month) for month in found]})
    else:
        month_list.show(found)


@months.command("ensure", short_help="Create the tables of months in advance.")
@click.argument("wanted", metavar="[MONTH]...", nargs=-1, type=MonthName())
@options.database
@click.option(
    "--ahead",
    metavar="N",
    type=click.IntRange(0, 120),
    default=AHEAD,
    show_default=True,
    help="The number of months after the current one.",
)
@options.as_json
def ensure_months(wanted: tuple[Month, ...], url: str, ahead: int, as_json: bool) -> None:
    """Create the tables of the current month and the next ones, or of each MONTH (as 2026-08).

    The tables of a month are created when a run first needs them. On PostgreSQL only the owner of
    the tables can do that. If your services connect as another user, run this command as the owner
    with every deploy.
    """
    with open_store(url) as store:
        made = [month.label for month in store.ensure_months(wanted, ahead=ahead)]
    if as_json:
        output.print_json({"made": made})
    elif made:
        output.print_message(f"Created: {', '.join(made)}")
    else:
        output.print_message("All of them existed already.")


@months.command(short_help="Compress the documents of months that are over.")
@click.argument("wanted", metavar="[MONTH]...", nargs=-1, type=MonthName())
@options.database
@click.option("--dry-run", is_flag=True, help="Only show what would be compacted.")
@options.as_json
@click.pass_context
def compact(
    context: click.Context, wanted: tuple[Month, ...], url: str, dry_run: bool, as_json: bool
) -> None:
    """Compress the documents of months better, with a dictionary that the store keeps.

    Without a MONTH (as 2026-08), all months that have been over for more than seven days are
    compacted. Any month can be named that is not detached, the current one too. Runs that have not
    ended are compacted like the others.

    What the store holds does not change. Each document is read back and compared before it replaces
    the old one. Services may go on: a run that they update is stored as before, and is compacted by
    the next call. If the command is interrupted, run it again: it goes on with what is left.

    Exits with 1 if damaged documents were left as they are.
    """
    planned = plan_compacting(url, wanted)
    if not as_json:
        compact_summary.show_plan(planned)
    if dry_run:
        if as_json:
            output.print_json({"items": compact_summary.planned_items(planned), "dry_run": True})
        return
    with progress_bar() as progress:
        report = compact_months(url, wanted, progress=progress)
    if as_json:
        output.print_json({**report.to_json(), "dry_run": False})
    elif planned:
        compact_summary.show(report)
    context.exit(exits.of_compacting(report))

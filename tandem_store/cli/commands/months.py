"""``tandem-store months``: lists months and creates their tables."""

from __future__ import annotations

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.views import month_list
from tandem_store.month import Month
from tandem_store.months import AHEAD


@click.group(cls=CommandGroup)
@options.database
def months(url: str) -> None:
    """List months, or create their tables.

    A run belongs to the month of its last update.
    """


@months.command("list", short_help="List the months.")
@options.database
@options.as_json
def list_months(url: str, as_json: bool) -> None:
    """List the months, oldest first: state, number of runs, and size of their documents."""
    with open_store(url) as store, store.read() as tx:
        found = tx.months.list()
    if as_json:
        output.print_json({"items": [month_list.to_json(month) for month in found]})
    else:
        month_list.show(found)


def _parsed(
    _context: click.Context, _parameter: click.Parameter, labels: tuple[str, ...]
) -> list[Month]:
    try:
        return [Month.parse(label) for label in labels]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@months.command("ensure", short_help="Create the tables of months in advance.")
@click.argument("wanted", metavar="[MONTH]...", nargs=-1, callback=_parsed)
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
def ensure_months(wanted: list[Month], url: str, ahead: int, as_json: bool) -> None:
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

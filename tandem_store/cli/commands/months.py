"""``tandem-store months``: the months and what they hold."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.views.text import number, size
from tandem_store.month import Month
from tandem_store.months import AHEAD, MonthSummary


@click.group(short_help="The months that the runs are in.")
@options.database
def months(url: str) -> None:
    """The months that the runs are in, by the time of their last update."""


@months.command("list")
@options.database
@options.as_json
def list_months(url: str, as_json: bool) -> None:
    """List the months, oldest first: state, runs, and bytes of their documents."""
    with open_store(url) as store, store.read() as tx:
        found = tx.months.list()
    if as_json:
        output.put_json({"items": [_item(month) for month in found]})
    elif found:
        _put(found)
    else:
        output.note("There are no months yet.")


def _parsed(
    _context: click.Context, _parameter: click.Parameter, labels: tuple[str, ...]
) -> list[Month]:
    try:
        return [Month.parse(label) for label in labels]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@months.command("ensure")
@click.argument("wanted", metavar="[MONTH]...", nargs=-1, callback=_parsed)
@options.database
@click.option(
    "--ahead",
    type=click.IntRange(0, 120),
    default=AHEAD,
    show_default=True,
    help="Months after the current one.",
)
@options.as_json
def ensure_months(wanted: list[Month], url: str, ahead: int, as_json: bool) -> None:
    """Make the tables of the current month and the next ones, or of each MONTH (as 2026-08).

    A store makes a month when a run needs it. On PostgreSQL that takes the owner of the tables: if
    your services run as another user, let each deploy run this as the owner.
    """
    with open_store(url) as store:
        made = store.ensure_months(wanted, ahead=ahead)
    if as_json:
        output.put_json({"made": [month.label for month in made]})
    elif made:
        output.put("Made: " + ", ".join(month.label for month in made))
    else:
        output.put("All of them were there.")


def _item(month: MonthSummary) -> dict[str, object]:
    return {
        "month": month.month.label,
        "state": month.state,
        "runs": month.runs,
        "bytes": month.bytes,
    }


def _put(found: Iterable[MonthSummary]) -> None:
    rows = [(m.month.label, m.state, number(m.runs), size(m.bytes)) for m in found]
    output.put_table(("MONTH", "STATE", "RUNS", "SIZE"), rows, right="llrr")

"""``tandem-store months``: the months and what they hold."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.text import number, size
from tandem_store.months import MonthSummary


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

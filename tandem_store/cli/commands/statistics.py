"""``tandem-store stats``: runs, tokens and cost."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.views.status_style import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.text import dollars, number
from tandem_store.cli.views.unfinished_imports import note_unsettled
from tandem_store.runs import RunStatistics


@click.command()
@options.database
@options.as_json
def stats(url: str, as_json: bool) -> None:
    """Count runs by the month of their last update and by status.

    With the sums of their tokens and of their estimated cost in US dollars. A run that is changed
    moves to the month of the change.
    """
    with open_store(url) as store, store.read() as tx:
        note_unsettled(tx)
        found = tx.runs.stats()
    if as_json:
        output.put_json({"items": [_item(entry) for entry in found], **_total(found)})
    else:
        _put(found)


def _item(entry: RunStatistics) -> dict[str, object]:
    return {
        "month": entry.month.label,
        "status": entry.status,
        "runs": entry.runs,
        "total_tokens": entry.total_tokens,
        "estimated_cost_usd": entry.estimated_cost_usd,
    }


def _total(found: Sequence[RunStatistics]) -> dict[str, float]:
    return {
        "runs": sum(entry.runs for entry in found),
        "total_tokens": sum(entry.total_tokens for entry in found),
        "estimated_cost_usd": sum(entry.estimated_cost_usd for entry in found),
    }


def _put(found: Sequence[RunStatistics]) -> None:
    rows: list[tuple[Cell, ...]] = [
        (
            entry.month.label,
            status(entry.status),
            number(entry.runs),
            number(entry.total_tokens),
            dollars(entry.estimated_cost_usd),
        )
        for entry in found
    ]
    runs, tokens, cost = _total(found).values()
    rows.append(("total", "", number(int(runs)), number(int(tokens)), dollars(cost)))
    headings = ("MONTH OF LAST UPDATE", "STATUS", "RUNS", "TOKENS", "COST USD")
    output.put_table(headings, rows, right="llrrr")

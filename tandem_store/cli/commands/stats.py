"""``tandem-store stats``: counts runs, tokens and cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from tandem_store import open_store
from tandem_store.cli import options, output, run_filters, statistics_options
from tandem_store.cli.statistics_options import Keys
from tandem_store.cli.views import statistics, statistics_table
from tandem_store.cli.views.unfinished_imports import note_unfinished_imports
from tandem_store.records.statistics_keys import StatisticsTime


@click.command()
@options.database
@statistics_options.by
@statistics_options.time
@statistics_options.filters
@click.option("--attached-only", is_flag=True, help="Leave out detached and dropped months.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@options.as_json
def stats(
    url: str,
    by: Keys,
    time: str,
    attached_only: bool,
    as_csv: bool,
    as_json: bool,
    **conditions: Any,
) -> None:
    """Count runs, tokens and estimated cost, with success and durations.

    Days, weeks (which begin on Monday) and months are UTC, and those of a run's creation unless
    --time names another time; a run without that time is counted under "none". Cost is in US
    dollars. Success is the share of completed runs among those that have ended. P50 and P95 are
    durations from start to end: half of the runs, and 95 % of them, took no longer.

    Detached and dropped months are counted too, from the totals that the store keeps, and are
    marked; durations are those of the runs in the store only. With days, weeks or months alone, the
    table also shows those without runs; without any of them, it begins with the highest cost.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json cannot be used together.")
    now = datetime.now(UTC)
    run_filter = run_filters.Query.of(
        statistics_options.about(time, conditions), None, now=now
    ).filter
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        entries = tx.runs.stats(run_filter, by=by, time=time, attached_only=attached_only)
        total = tx.runs.stats(run_filter, by=(), time=time, attached_only=attached_only)
    found = statistics.Counted(entries, by, StatisticsTime(time), *total)
    if as_json:
        output.print_json(found.to_json())
    elif as_csv:
        output.print_csv(found.to_csv())
    else:
        statistics_table.show(found, *statistics_options.bounds(run_filter, time, now))

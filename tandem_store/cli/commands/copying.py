"""``tandem-store copy``: the store into another database."""

from __future__ import annotations

import click

from tandem_store.cli import options, output, suggested_commands
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views.text import number, span
from tandem_store.copying import CopyReport, copy_store
from tandem_store.database.urls import shown


@click.command(short_help="Copy the store into another database.")
@options.database
@click.option("--from", "source", metavar="URL", help="The store, only read.  [default: --db]")
@click.option("--to", "target", metavar="URL", required=True, help="A new, empty database.")
@options.as_json
@click.pass_context
def copy(context: click.Context, url: str, source: str | None, target: str, as_json: bool) -> None:
    """Copy all of a store, SQLite or PostgreSQL, into a new database of either kind.

    Stop what writes to the store first. The target is made and upgraded if need be, and cannot be
    opened before it was compared with the source, row by row. Interrupted or killed, the same
    command goes on. Ends with exit code 4 if anything differs.
    """
    if source is not None:
        # What the source lacks is told with a command that is for the source.
        suggested_commands.concerns(context, source)
    with progress_bar() as progress:
        report = copy_store(source or url, target, progress=progress)
    if as_json:
        output.put_json(report.to_json())
    else:
        _put(report, shown(target))
    context.exit(report.exit_code)


def _put(report: CopyReport, target: str) -> None:
    output.put_table(
        ("TABLE", "ROWS"),
        [(name, number(rows)) for name, rows in report.tables.items()],
        right="lr",
    )
    output.put()
    if report.months:
        rows = [(month.label, number(runs)) for month, runs in report.months.items()]
        output.put_table(("MONTH", "RUNS"), rows, right="lr")
        output.put()
    for month in report.left_behind:
        output.put(f"The documents of {month} stay in the source: the month is detached.")
    if report.differences:
        _put_differences(report, target)
    else:
        done = "It was copied before. Compared" if report.finished_before else "Copied and compared"
        output.put(f"{done} in {span(round(report.seconds * 1_000))}: all is the same.")
        output.put(f"The store is now at: {target}")


def _put_differences(report: CopyReport, target: str) -> None:
    rows = [
        (one.what, number(one.source.rows), number(one.target.rows)) for one in report.differences
    ]
    output.put_table(("DIFFERENT", "ROWS IN SOURCE", "IN TARGET"), rows, right="lrr")
    output.put(f"{target} is not the same as its source and stays closed. Was either written to?")
    output.put("Remove that database, then copy again.")

"""``tandem-store export``: writes runs for other programs, or for the engine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from tandem_store.cli import exits, options, output, run_filters
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import export_summary
from tandem_store.exporter import (
    ExportReport,
    export_csv,
    export_jsonl,
    export_legacy,
    export_parquet,
)

Command = TypeVar("Command", bound=Callable[..., Any])

_STDOUT = "-"


@click.group(cls=CommandGroup)
@options.database
def export(url: str) -> None:
    """Write runs for other programs, or all files of the engine again."""


_field_option = options.fields(
    help="Only these, in this order: columns, as in runs list --json; times without their _ms, "
    "such as created_at, as text; values in the record by JSON Pointer, such as "
    "/checkpoint/last_failure/reason.",
    records=True,
)


@export.command("legacy", short_help="Write a state directory for the engine.")
@click.argument("target", metavar="DIR")
@options.database
@run_filters.filter_options
@options.as_json
@click.pass_context
def legacy(
    context: click.Context, /, url: str, target: str, as_json: bool, **conditions: Any
) -> None:
    """Write runs and definitions to the new folder DIR, as the engine up to 0.6.8 reads them.

    Each run becomes a complete history shard. Those that have not ended, or ended within the last
    days, are in the hot file as well, as the engine has them there; the days are those of
    TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS, 7 by default. DIR appears when it is complete. If the
    command is interrupted, run it again: it continues.

    Runs that the engine could not read or save are named, and the exit code is 3.
    """
    with progress_bar() as progress:
        report = export_legacy(url, target, run_filter=_filter(conditions), progress=progress)
    if as_json:
        output.print_json(report.to_json())
    else:
        export_summary.show_legacy(report)
    context.exit(exits.of_legacy_export(report))


@export.command("jsonl", short_help="Write runs as JSON Lines.")
@click.argument("target", metavar="FILE")
@options.database
@run_filters.filter_options
@_field_option
@options.as_json
def jsonl(
    url: str, target: str, fields: list[str] | None, as_json: bool, **conditions: Any
) -> None:
    """Write runs to FILE as JSON Lines: one record on each line, as the engine writes it.

    The oldest run comes first. FILE is compressed if its name ends in .gz or .zst, appears when it
    is complete, and must not exist yet; - is stdout. With --fields, a line has these and no others.
    """
    _export_text(export_jsonl, url, target, fields, as_json, conditions)


@export.command("csv", short_help="Write the columns of runs as CSV.")
@click.argument("target", metavar="FILE")
@options.database
@run_filters.filter_options
@_field_option
@options.as_json
def csv(url: str, target: str, fields: list[str] | None, as_json: bool, **conditions: Any) -> None:
    """Write runs to FILE as CSV: a line of names, then a line for each run.

    The oldest run comes first. Without --fields, these are all columns of a run. FILE is compressed
    if its name ends in .gz or .zst, appears when it is complete, and must not exist yet; - is
    stdout.
    """
    _export_text(export_csv, url, target, fields, as_json, conditions)


@export.command("parquet", short_help="Write runs and their node outputs as Parquet.")
@click.argument("target", metavar="DIR")
@options.database
@run_filters.filter_options
@_field_option
@options.as_json
def parquet(
    url: str, target: str, fields: list[str] | None, as_json: bool, **conditions: Any
) -> None:
    """Write runs to the new folder DIR as Parquet, a folder for each month.

    DIR has two tables: runs, with the columns of each run, and node_outputs, with a row for the
    output of each node. This needs pyarrow: pip install 'tandem-store[parquet]'
    """
    if target == _STDOUT:
        raise click.UsageError("Parquet is a folder with several files. Name a new folder.")
    with progress_bar() as progress:
        report = export_parquet(
            url, target, run_filter=_filter(conditions), fields=fields, progress=progress
        )
    _show(report, as_json)


def _export_text(
    write: Callable[..., ExportReport],
    url: str,
    target: str,
    fields: list[str] | None,
    as_json: bool,
    conditions: dict[str, Any],
) -> None:
    to_stdout = target == _STDOUT
    if to_stdout and as_json:
        raise click.UsageError("--json prints a report on stdout, where the runs would go as well.")
    with progress_bar() as progress:
        report = write(
            url,
            sys.stdout.buffer if to_stdout else target,
            run_filter=_filter(conditions),
            fields=fields,
            progress=progress,
        )
    if to_stdout:
        export_summary.note_missing(report)
    else:
        _show(report, as_json)


def _filter(conditions: dict[str, Any]) -> Any:
    return run_filters.Query.of(conditions, None, now=datetime.now(UTC)).filter


def _show(report: ExportReport, as_json: bool) -> None:
    if as_json:
        output.print_json(report.to_json())
    else:
        export_summary.show(report)

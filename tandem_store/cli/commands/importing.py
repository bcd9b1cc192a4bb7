"""``tandem-store import``: a legacy state directory into the store."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from tandem_store.cli import options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import import_plan, import_summary
from tandem_store.importer import (
    ImportOptions,
    ImportReport,
    ManyMonthsError,
    import_state,
    plan_import,
)


@click.command("import", short_help="Import a legacy state directory.")
@click.argument("state", type=click.Path(path_type=Path))
@options.database
@click.option("--dry-run", is_flag=True, help="Read everything, write nothing.")
@click.option("--strict", is_flag=True, help="Put incomplete copies into quarantine.")
@click.option("--months", is_flag=True, help="Show the counts of every month.")
@options.jobs
@options.allowed_roots
@options.confirmed
@options.as_json
@click.pass_context
def import_command(
    context: click.Context,
    url: str,
    state: Path,
    dry_run: bool,
    strict: bool,
    months: bool,
    jobs: int | None,
    allow_roots: tuple[Path, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Import STATE: a state directory of the engine, its data folder, or one hot file.

    STATE is only read. A database that is not there yet is made. What was imported before is not
    imported again; interrupted, the same command goes on. Asks before the store gets more than
    600 months. Ends with exit code 3 if anything was not read or is in quarantine.
    """
    chosen = ImportOptions(
        jobs=jobs, strict=strict, dry_run=dry_run, allow_roots=allow_roots, confirm_months=yes
    )
    report = _imported(url, state, chosen)
    if as_json:
        output.put_json(report.to_json())
    else:
        import_summary.put(report.to_json(), state, months=months)
    context.exit(report.exit_code)


def _imported(url: str, state: Path, chosen: ImportOptions) -> ImportReport:
    plan = plan_import(url, state, chosen)
    import_plan.note(plan)
    try:
        with progress_bar() as progress:
            return import_state(url, state, chosen, progress=progress, plan=plan)
    except ManyMonthsError as error:
        if not sys.stdin.isatty():
            raise
        click.confirm(f"{error}\nGo on now?", abort=True, err=True)
    with progress_bar() as progress:
        return import_state(url, state, replace(chosen, confirm_months=True), progress=progress)

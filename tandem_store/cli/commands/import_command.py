"""``tandem-store import``: imports a state directory of the engine."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from tandem_store.cli import exits, options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import import_plan, import_summary
from tandem_store.importer import (
    ImportOptions,
    ImportReport,
    ManyMonthsError,
    import_state,
    plan_import,
)


@click.command("import", short_help="Import a state directory of the engine.")
@click.argument("state", type=click.Path(path_type=Path))
@options.database
@click.option("--dry-run", is_flag=True, help="Read everything, but write nothing.")
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

    STATE is only read. A database that does not exist yet is created. What has been imported before
    is not imported again. If the import is interrupted, run the same command again to continue. It
    asks before the store gets more than 600 months.

    Exits with 3 if anything was not read or is in quarantine.
    """
    report = _import(
        url,
        state,
        ImportOptions(
            jobs=jobs, strict=strict, dry_run=dry_run, allow_roots=allow_roots, confirm_months=yes
        ),
    )
    if as_json:
        output.print_json(report.to_json())
    else:
        import_summary.show(report, state, months=months)
    context.exit(exits.of_import(report))


def _import(url: str, state: Path, chosen: ImportOptions) -> ImportReport:
    plan = plan_import(url, state, chosen)
    import_plan.show(plan)
    try:
        with progress_bar() as progress:
            return import_state(url, state, chosen, progress=progress, plan=plan)
    except ManyMonthsError as error:
        if not sys.stdin.isatty():
            raise
        click.confirm(f"{error}\nContinue now?", abort=True, err=True)
    with progress_bar() as progress:
        return import_state(url, state, replace(chosen, confirm_months=True), progress=progress)

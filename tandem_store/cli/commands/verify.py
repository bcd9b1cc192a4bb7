"""``tandem-store verify``: compares a state directory with the store."""

from __future__ import annotations

from pathlib import Path

import click

from tandem_store.cli import exits, options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views import verify_summary
from tandem_store.verify import verify_state


@click.command(short_help="Compare a state directory of the engine with the store.")
@click.argument("state", type=click.Path(path_type=Path))
@options.database
@options.jobs
@options.allowed_roots
@options.as_json
@click.pass_context
def verify(
    context: click.Context,
    url: str,
    state: Path,
    jobs: int | None,
    allow_roots: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare every copy of a run, and every definition, in STATE with the store.

    Neither is changed. The last line says whether STATE may be deleted.

    Exits with 4 if anything differs, and with 3 if anything was not read or is in quarantine.
    """
    with progress_bar() as progress:
        report = verify_state(url, state, jobs=jobs, allow_roots=allow_roots, progress=progress)
    if as_json:
        output.print_json(report.to_json())
    else:
        verify_summary.show(report, state)
    context.exit(exits.of_verification(report))

"""``tandem-store verify``: the source against the store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tandem_store.cli import exits, options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.views.verification import put
from tandem_store.verify import Cause, VerifyReport, verify_state

#: A source that is in the store but not in a backup yet has passed all the same.
_EXITS: Final = {
    Cause.NOT_IMPORTED: exits.DIFFERENT,
    Cause.DIFFERENT: exits.DIFFERENT,
    Cause.NO_BACKUP: 0,
}


@click.command(short_help="Compare a legacy state directory with the store.")
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
    """Compare every copy of a run, and every definition, in STATE with the store; reads only.

    Its last line says whether STATE may be deleted. Ends with exit code 4 if anything differs, or
    else with 3 if anything was not read or waits in quarantine.
    """
    with progress_bar() as progress:
        report = verify_state(url, state, jobs=jobs, allow_roots=allow_roots, progress=progress)
    if as_json:
        output.put_json(report.to_json())
    else:
        put(report, state)
    context.exit(exit_code(report))


def exit_code(report: VerifyReport) -> int:
    """The exit code that the most serious reason against deleting the source has."""
    return max((_EXITS.get(one.cause, exits.INCOMPLETE) for one in report.reasons), default=0)

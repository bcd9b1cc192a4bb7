"""``tandem-store verify``: the source against the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tandem_store.cli import options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.text import number
from tandem_store.verify import verify_state


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
    """Compare every copy of a run in STATE with the store; reads only.

    Ends with exit code 4 if anything differs.
    """
    with progress_bar() as progress:
        report = verify_state(url, state, jobs=jobs, allow_roots=allow_roots, progress=progress)
    if as_json:
        output.put_json(report.to_json())
    else:
        _put(report.to_json())
    context.exit(report.exit_code)


def _put(report: dict[str, Any]) -> None:
    differences = report["differences"]
    output.put(
        f"{number(report['checked'])} copies checked: {number(report['same'])} same, "
        f"{number(report['newer_in_store'])} newer in the store, "
        f"{number(len(differences))} different."
    )
    for passed in report["not_read"]:
        output.put(f"Not read: {passed['path']}: {passed['reason']}")
    if differences:
        output.put()
        rows = [(d.get("run_id") or "-", d["what"], d.get("path") or "-") for d in differences]
        output.put_table(("RUN", "DIFFERENCE", "PATH"), rows)

"""How the summary of an import ends: the sum, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem_store.cli import output
from tandem_store.cli.views.text import counted, number

Json = Mapping[str, Any]


def put_end(report: Json, outcomes: Sequence[str], state: Path) -> None:
    """Copies read = the sum of their outcomes, what the store holds, and numbered commands."""
    output.put()
    output.put(f"Read {_sum(report, outcomes)}.")
    holds = "would hold" if report["dry_run"] else "now holds"
    output.put(
        f"The store {holds} {counted(report['runs'], 'run')} in "
        f"{counted(len(report['months']), 'month')}; definitions: {number(report['definitions'])}. "
        f"Took {report['seconds']:.1f} s."
    )
    _put_not_read(report["not_read"])
    steps = list(_steps(report, shlex.quote(str(state))))
    output.put()
    output.put("What to do next:")
    for at, (step, command) in enumerate(steps, 1):
        output.put(f"  {at}. {step}")
        if command:
            # A line of its own, to be copied.
            output.put(f"     {command}")


def _sum(report: Json, outcomes: Sequence[str]) -> str:
    parts = [f"{number(report['outcomes'][name])} {name.replace('_', ' ')}" for name in outcomes]
    if waiting := report.get("unchanged_in_quarantine"):
        at = [*outcomes].index("unchanged") if "unchanged" in outcomes else None
        if at is not None:
            parts[at] += f" ({number(waiting)} of them in quarantine)"
    total = counted(report["copies"], "copy")
    return f"{total} = {' + '.join(parts)}" if parts else total


def _put_not_read(items: Sequence[Json]) -> None:
    folders = sum(item.get("kind") == "folder" for item in items)
    files = len(items) - folders
    if folders:
        what = "A folder" if folders == 1 else counted(folders, "folder")
        output.put_styled(
            f"{what} with an unknown number of runs {_was(folders)} NOT read.", "bold red"
        )
    if files:
        what = "A file" if files == 1 else counted(files, "file")
        output.put_styled(f"{what} that may hold runs {_was(files)} NOT read.", "bold red")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _steps(report: Json, state: str) -> Iterator[tuple[str, str]]:
    again = f"tandem-store import {state}"
    if report["not_read"]:
        yield "Make readable what was NOT read (listed above), then import again:", again
    elif report["dry_run"]:
        yield "Import it:", again
    if report["dry_run"]:
        return
    if report["quarantined"]:
        yield "Decide about what is in quarantine:", "tandem-store quarantine list"
    if report["not_read"]:
        yield "Keep the source: the store does not have all of it.", ""
        return
    yield "Compare the store with the source:", f"tandem-store verify {state}"
    yield "Make a backup, best on another disk:", "tandem-store backup backup.db.zst"
    yield "Keep the source until all of this is done; verify says whether it may be deleted.", ""

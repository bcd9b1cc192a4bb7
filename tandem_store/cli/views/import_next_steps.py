"""The end of the summary of an import: the sum of the copies, and the next commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from tandem_store.cli import output
from tandem_store.cli.views.values import counted, number
from tandem_store.importer import ImportReport


def show(report: ImportReport, outcomes: Sequence[str], state: Path) -> None:
    """Print the copies as a sum of their outcomes, what the store holds, and numbered commands."""
    output.print_message()
    output.print_message(f"Read {_sum(report, outcomes)}.")
    output.print_message(
        f"The store {'would hold' if report.dry_run else 'now holds'} "
        f"{counted(report.runs, 'run')} in {counted(len(report.months), 'month')}; "
        f"definitions: {number(report.definitions)}. Took {report.seconds:.1f} s."
    )
    _show_not_read(report)
    output.print_message()
    output.print_message("What to do next:")
    for at, (step, command) in enumerate(_steps(report, shlex.quote(str(state))), 1):
        output.print_message(f"  {at}. {step}")
        if command:
            # On a line of its own, so that it can be copied.
            output.print_message(f"     {command}")


def _sum(report: ImportReport, outcomes: Sequence[str]) -> str:
    total = counted(report.copies, "copy")
    parts = [_part(report, outcome) for outcome in outcomes]
    return f"{total} = {' + '.join(parts)}" if parts else total


def _part(report: ImportReport, outcome: str) -> str:
    waiting = report.unchanged_in_quarantine if outcome == "unchanged" else 0
    of_them = f" ({number(waiting)} of them in quarantine)" if waiting else ""
    return f"{number(report.outcomes[outcome])} {outcome.replace('_', ' ')}{of_them}"


def _show_not_read(report: ImportReport) -> None:
    folders = sum(item.kind == "folder" for item in report.not_read)
    files = len(report.not_read) - folders
    if folders:
        what = "A folder" if folders == 1 else counted(folders, "folder")
        sentence = f"{what} with an unknown number of runs {_was(folders)} NOT read."
        output.print_styled(sentence, "bold red")
    if files:
        what = "A file" if files == 1 else counted(files, "file")
        output.print_styled(f"{what} that may hold runs {_was(files)} NOT read.", "bold red")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _steps(report: ImportReport, state: str) -> Iterator[tuple[str, str]]:
    again = f"tandem-store import {state}"
    if report.not_read:
        yield "Make readable what is listed above as NOT READ, then import again:", again
    elif report.dry_run:
        yield "Import it:", again
    if report.dry_run:
        return
    if report.quarantined:
        yield "Decide about what is in quarantine:", "tandem-store quarantine list"
    if report.not_read:
        yield "Keep the source: the store does not have all of it.", ""
        return
    yield "Compare the store with the source:", f"tandem-store verify {state}"
    yield "Make a backup, preferably on another disk:", "tandem-store backup backup.db.zst"
    yield "Keep the source until verify says that it may be deleted.", ""

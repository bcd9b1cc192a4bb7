"""A note on runs that are left out, because their months are detached."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_store.cli import output
from tandem_store.cli.views.values import counted
from tandem_store.month import Month
from tandem_store.runs import DetachedMonth


def note_archives(months: Sequence[Month]) -> None:
    """Print that archives of detached months are not part of a copy or a backup."""
    if months:
        listed = ", ".join(month.label for month in months)
        output.print_message(
            f"Not included are the archives of detached months: {listed}. Keep them where backups "
            "are kept."
        )


def note_detached_months(months: Sequence[DetachedMonth]) -> None:
    """Print on stderr how many runs are left out, and where they are."""
    if not months:
        return
    runs = sum(one.runs for one in months)
    first, last = months[0].month, months[-1].month
    span = f"{first}" if first == last else f"{first} to {last}"
    where = f"{counted(len(months), 'detached month')} ({span})"
    output.print_note(
        f"Note: left out are {counted(runs, 'run')} in {where}. To see where they are: "
        "tandem-store months list"
    )

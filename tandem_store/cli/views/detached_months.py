"""A note on runs that are left out, because their months are detached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tandem_store.cli import output
from tandem_store.cli.views.values import counted
from tandem_store.month import Month
from tandem_store.runs import DetachedMonth

#: How many months a note names.
_NAMED: Final = 6


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
    runs = counted(sum(one.runs for one in months), "run")
    named = ", ".join(one.month.label for one in months[:_NAMED])
    more = f" and {len(months) - _NAMED} more" if len(months) > _NAMED else ""
    output.print_note(
        f"Note: {runs} in detached months are not listed: {named}{more}. To see where they are: "
        "tandem-store months list"
    )

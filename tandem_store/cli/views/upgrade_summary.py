"""What an upgrade is about to do."""

from __future__ import annotations

from typing import Final

from tandem_store.cli import output
from tandem_store.cli.views.values import counted, duration, size
from tandem_store.database.upgrade_plan import UpgradePlan

_MINUTE: Final = 60


def planned_items(plan: UpgradePlan, *, backs_up: bool) -> dict[str, object]:
    """Return the plan as a JSON object; its key ``seconds`` is an estimate."""
    return {
        "before": plan.found,
        "revisions": [{"revision": one.revision, "title": one.title} for one in plan.revisions],
        "runs": plan.runs,
        "seconds": round(plan.seconds, 3),
        "backup_bytes": plan.backup_bytes if backs_up else None,
        "dry_run": True,
    }


def show_plan(plan: UpgradePlan, *, backs_up: bool) -> None:
    """Print what an upgrade would do."""
    if plan.found is None:
        output.print_message("There are no tables yet: the upgrade makes all of them.")
        return
    if not plan.revisions:
        output.print_message(f"There is nothing to do: the database is at revision {plan.found}.")
        return
    output.print_table(
        ("REVISION", "WHAT IT DOES"),
        [(one.revision, one.title) for one in plan.revisions],
        cut="WHAT IT DOES",
    )
    if plan.runs:
        output.print_message(filling_in(plan))
    if backs_up and plan.backup_bytes is not None:
        output.print_message(
            f"The backup that is made first takes up to {size(plan.backup_bytes)}."
        )


def filling_in(plan: UpgradePlan) -> str:
    """Return how many runs are filled in, and about how long it takes."""
    seconds = max(round(plan.seconds), 1)
    takes = f"{seconds} s" if seconds < _MINUTE else duration(seconds * 1_000)
    return f"{counted(plan.runs, 'run')} to fill in from their documents: about {takes}."

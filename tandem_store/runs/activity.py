"""What the automations do: their last runs, those that go on, and figures over a stretch of time.

All of it comes from the table ``runs``: no document is read, and of runs before the stretch only
the last of each automation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, RowMapping

from tandem_store.database.damaged_rows import DAMAGE, damaged, damaged_run
from tandem_store.records import RunStatus
from tandem_store.runs import activity_queries
from tandem_store.runs.context import RunsContext
from tandem_store.runs.totals import rounded_cost

#: Of automations without runs to count.
_NO_COUNTS: Final = {"active": 0, "queued": 0}
_NO_FIGURES: Final = {
    "runs": 0,
    "ended": 0,
    "completed": 0,
    "median_duration_ms": None,
    "estimated_cost_usd": 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The last run of an automation. Times are in milliseconds since 1970, UTC."""

    #: The id of the run.
    run_id: str
    #: Its status.
    status: RunStatus
    #: When it was created.
    created_at_ms: int
    #: When it ended, ``None`` if it did not.
    finished_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationActivity:
    """What an automation does. The figures from ``runs`` on are over runs created since a time."""

    #: The automation.
    automation_id: str
    #: Its name, as the definition that its last run ran with has it.
    name: str | None
    #: The run that was created last.
    last_run: LastRun
    #: Of those that have ended, the one that was created last; ``None`` if none has.
    last_terminal_run: LastRun | None
    #: How many run now: ``running`` or ``pausing``, and not waiting for an approval.
    active: int
    #: How many are queued.
    queued: int
    #: How many runs were created in the stretch of time.
    runs: int
    #: How many of them have ended.
    ended: int
    #: How many of them completed.
    completed: int
    #: The median of their durations in milliseconds; ``None`` if none has a duration.
    median_duration_ms: int | None
    #: Their estimated cost in US dollars, rounded to nine digits behind the point.
    estimated_cost_usd: float

    @property
    def success_rate(self) -> float | None:
        """The completed among those that have ended, from 0 to 1; ``None`` if none has."""
        return self.completed / self.ended if self.ended else None


def automation_ids(context: RunsContext) -> tuple[str, ...]:
    """Return the ids of all automations that have runs, by their code points."""
    return tuple(sorted(row.automation_id for row in activity_queries.last_ids(context, None)))


def automations(
    context: RunsContext, *, since: datetime, automation_id: str | None = None
) -> tuple[AutomationActivity, ...]:
    """Return every automation that has runs, or one of them; the last active first."""
    ids = activity_queries.last_ids(context, automation_id)
    wanted = {
        one for row in ids for one in (row.last_run, row.last_terminal_run) if one is not None
    }
    last = activity_queries.last_runs(context, wanted)
    counts = _keyed(activity_queries.going_on(context, automation_id))
    figures = _keyed(activity_queries.recent(context, automation_id, since))
    found = [_activity(row, last, counts, figures) for row in ids]
    return tuple(sorted(found, key=lambda one: (-one.last_run.created_at_ms, one.automation_id)))


def _keyed(rows: Iterable[RowMapping]) -> dict[str, dict[str, Any]]:
    return {row["automation_id"]: {str(name): row[name] for name in row} for row in rows}


def _activity(
    row: Row[Any],
    last: Mapping[str, Row[Any]],
    counts: Mapping[str, Mapping[str, Any]],
    figures: Mapping[str, Mapping[str, Any]],
) -> AutomationActivity:
    automation_id = row.automation_id
    try:
        newest, ended = last[row.last_run], last.get(row.last_terminal_run)
        fields = {
            **counts.get(automation_id, _NO_COUNTS),
            **figures.get(automation_id, _NO_FIGURES),
            "automation_id": automation_id,
        }
        fields["estimated_cost_usd"] = rounded_cost(fields["estimated_cost_usd"])
    except DAMAGE as error:
        what = f"A run of the automation {automation_id!r}"
        raise damaged(what, f"cannot be counted: {error}") from error
    return AutomationActivity(
        name=newest.automation_name,
        last_run=_last_run(newest),
        last_terminal_run=None if ended is None else _last_run(ended),
        **fields,
    )


def _last_run(row: Row[Any]) -> LastRun:
    try:
        activity_queries.LAST_TYPES.refuse_others(row)
        return LastRun(
            run_id=row.run_id,
            status=RunStatus(row.status),
            created_at_ms=row.created_at_ms,
            finished_at_ms=row.finished_at_ms,
        )
    except DAMAGE as error:
        raise damaged_run(row.run_id, row.month, f"holds {error}") from error

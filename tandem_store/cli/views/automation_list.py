"""The list of automations: what is defined, and what it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from tandem_store import AutomationActivity, LastRun, clock
from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import shorten, without_prefix
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import (
    age,
    dollars,
    duration,
    number,
    one_line,
    percentage,
    since_or_until,
    timestamp,
)

if TYPE_CHECKING:
    from tandem_store import AutomationSpec

_COMPLETE: Final = (
    "AUTOMATION",
    "NAME",
    "STATE",
    "LAST RUN",
    "LAST STATUS",
    "LAST CREATED",
    "LAST ENDED",
    "ENDED AS",
    "ENDED AT",
    "RUNNING",
    "QUEUED",
    "RUNS",
    "OK",
    "MEDIAN",
    "COST USD",
    "NEXT FIRE",
    "LAST FIRED",
)
_SHORT: Final = (
    "AUTOMATION",
    "NAME",
    "STATE",
    "LAST",
    "AGE",
    "NOW",
    "QUEUED",
    "RUNS",
    "OK",
    "MEDIAN",
    "COST USD",
    "NEXT",
)
#: The columns that a narrow terminal leaves out, in this order.
_OPTIONAL: Final = ("MEDIAN", "RUNS", "STATE", "COST USD", "QUEUED", "NOW", "NEXT", "OK", "NAME")


@dataclass(frozen=True, slots=True)
class Listed:
    """An automation, its definition if it has one, and what it does if it has runs."""

    automation_id: str
    definition: AutomationSpec | None
    activity: AutomationActivity | None

    @property
    def name(self) -> str | None:
        """The name in its definition, or else in the one that its last run ran with."""
        if self.definition is not None:
            return self.definition.name
        return None if self.activity is None else self.activity.name

    @property
    def state(self) -> str | None:
        """The status of its definition."""
        return None if self.definition is None else str(self.definition.status)


def merged(
    definitions: Iterable[AutomationSpec], activities: Iterable[AutomationActivity]
) -> list[Listed]:
    """Return all automations: those with runs in their order, then those that never ran by id."""
    defined = {one.automation_id: one for one in definitions}
    listed = [
        Listed(one.automation_id, defined.pop(one.automation_id, None), one) for one in activities
    ]
    return listed + [Listed(name, defined[name], None) for name in sorted(defined)]


def to_json(listed: Listed) -> dict[str, Any]:
    """Return an automation with its figures as a JSON object."""
    definition, activity = listed.definition, listed.activity
    return {
        "automation_id": listed.automation_id,
        "name": listed.name,
        "has_definition": definition is not None,
        "status": listed.state,
        "next_fire_at_ms": None if definition is None else definition.next_fire_at_ms,
        "last_fired_at_ms": None if definition is None else definition.last_fired_at_ms,
        **(_NO_ACTIVITY if activity is None else _activity(activity)),
    }


_NO_ACTIVITY: Final = {
    "last_run": None,
    "last_terminal_run": None,
    "active": 0,
    "queued": 0,
    "runs": 0,
    "ended": 0,
    "completed": 0,
    "success_rate": None,
    "median_duration_ms": None,
    "estimated_cost_usd": 0.0,
}


def _activity(activity: AutomationActivity) -> dict[str, Any]:
    fields = {**asdict(activity), "success_rate": activity.success_rate}
    return {name: fields[name] for name in _NO_ACTIVITY}


def show(automations: Sequence[Listed]) -> None:
    """Print the automations."""
    if not automations:
        output.print_note("No automations.")
    elif terminal.is_terminal():
        _show_short(automations)
    else:
        output.print_table(_COMPLETE, map(_complete_row, automations), align="lllllllllrrrrrr")


def _complete_row(one: Listed) -> tuple[str, ...]:
    activity, definition = one.activity, one.definition
    return (
        one.automation_id,
        one_line(one.name or "-"),
        one.state or "-",
        *_last(None if activity is None else activity.last_run),
        *_ended(None if activity is None else activity.last_terminal_run),
        *_figures(activity),
        timestamp(None if definition is None else definition.next_fire_at_ms),
        timestamp(None if definition is None else definition.last_fired_at_ms),
    )


def _last(run: LastRun | None) -> tuple[str, str, str]:
    return _NO_RUN if run is None else (run.run_id, run.status, timestamp(run.created_at_ms))


def _ended(run: LastRun | None) -> tuple[str, str, str]:
    return _NO_RUN if run is None else (run.run_id, run.status, timestamp(run.finished_at_ms))


_NO_RUN: Final = ("-", "-", "-")


def _show_short(automations: Sequence[Listed]) -> None:
    ids, now_ms = shorten(one.automation_id for one in automations), clock.now_ms()
    rows = [
        tuple(_short_row(one, without_prefix(ids[one.automation_id]), now_ms))
        for one in automations
    ]
    output.print_table(_SHORT, rows, align="llllrrrrrrrr", cut="NAME", optional=_OPTIONAL)


def _short_row(one: Listed, short_id: str, now_ms: int) -> Iterator[Cell]:
    last = None if one.activity is None else one.activity.last_run
    fires = None if one.definition is None else one.definition.next_fire_at_ms
    yield short_id
    yield one_line(one.name or "-")
    yield one.state or "-"
    yield "-" if last is None else status(last.status)
    yield "-" if last is None else age(last.created_at_ms, now_ms)
    yield from _figures(one.activity)
    yield "-" if fires is None else since_or_until(fires, now_ms)


def _figures(activity: AutomationActivity | None) -> tuple[str, ...]:
    """Return what runs, what is queued, and the figures of the stretch of time."""
    if activity is None:
        return ("0", "0", "0", "-", "-", dollars(0))
    median = activity.median_duration_ms
    return (
        number(activity.active),
        number(activity.queued),
        number(activity.runs),
        percentage(activity.success_rate),
        "-" if median is None else duration(median),
        dollars(activity.estimated_cost_usd),
    )

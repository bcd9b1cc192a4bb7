"""The options that choose runs, and the filter and cursor that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

import click

from tandem_store import RunFilter
from tandem_store.cli.times import Length, Moment, resolve
from tandem_store.errors import InvalidCursorError
from tandem_store.records import ExecutionProfile, RunGroup, RunStatus, StopKind, WaitsFor

Command = TypeVar("Command", bound=Callable[..., Any])
#: What adds an option to a command.
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _names(option: str, metavar: str, what: str) -> Decorator:
    """Return an option that may be repeated; a run passes if it has any of the names."""
    return click.option(option, metavar=metavar, multiple=True, help=f"{what}; repeatable.")


def _choice(option: str, names: type[StrEnum], what: str) -> Decorator:
    """Return an option with a closed list of names, that may be repeated."""
    known = click.Choice([name.value for name in names])
    return click.option(option, type=known, multiple=True, help=f"{what}; repeatable.")


def since_and_until(what: str) -> tuple[Decorator, Decorator]:
    """Return the options for a range of times, which are ``what`` says."""
    examples = (
        "2026-08-01, 2026-08-01T12:00:00Z, or an age such as 2w, 7d, 12h, 30min. Times without a "
        "zone are UTC."
    )
    return (
        click.option("--since", type=Moment(), help=f"{what} at this time or later: {examples}"),
        click.option("--until", type=Moment(), help=f"{what} before this time."),
    )


_CONDITIONS: Final = (
    _names("--id", "ID", "The run with this complete id"),
    _names("--automation", "ID", "Runs of the automation with this complete id"),
    _names("--automation-name", "NAME", "Runs whose definition has exactly this name"),
    _choice("--status", RunStatus, "Runs with this status"),
    _choice("--group", RunGroup, "Runs in this group, as in the engine's panel"),
    _choice("--waits-for", WaitsFor, "Runs that wait for this"),
    click.option(
        "--due/--not-due",
        default=None,
        help="Only queued runs that may start now, or only those that back off until later.",
    ),
    click.option(
        "--stuck",
        metavar="LENGTH",
        type=Length(),
        help="Runs that were not updated for this long, such as 1h: running or pausing, or queued "
        "and due; and runs whose lease has ended.",
    ),
    _choice("--stop-kind", StopKind, "Runs that were stopped in this way"),
    _names("--trigger", "TYPE", "Runs that this kind of trigger started"),
    _choice("--profile", ExecutionProfile, "Runs with this execution profile"),
    _names("--definition-version", "TEXT", "Runs with this version of their definition"),
    click.option(
        "--text",
        metavar="TEXT",
        help="Runs with this text in an id, a name, the trigger, the tenant, the workspace's path, "
        "what they wait for, a failure or the detail; case is ignored.",
    ),
    click.option(
        "--terminal/--open",
        default=None,
        help="Only runs that have ended, or only runs that have not.",
    ),
    click.option("--org", metavar="ID", help="Runs of this organisation."),
    click.option("--workspace", metavar="ID", help="Runs of this workspace."),
    _names("--deployment", "ID", "Runs of this deployment"),
    click.option(
        "--min-duration",
        metavar="LENGTH",
        type=Length(),
        help="Runs that took at least this long: 90s, 30min, 2h, 7d or 2w.",
    ),
    click.option(
        "--min-cost",
        metavar="USD",
        type=click.FloatRange(min=0),
        help="Runs that cost at least this many US dollars.",
    ),
    click.option(
        "--min-tokens",
        metavar="N",
        type=click.IntRange(0, 2**63 - 1),
        help="Runs that used at least this many tokens.",
    ),
)
_OTHER_TIMES: Final = (
    click.option("--updated-since", type=Moment(), help="Last updated at this time or later."),
    click.option("--updated-until", type=Moment(), help="Last updated before this time."),
    click.option("--finished-since", type=Moment(), help="Ended at this time or later."),
    click.option("--finished-until", type=Moment(), help="Ended before this time."),
)
#: The fields of a filter by the options that they come from: those that may be repeated, ...
_NAMED: Final = {
    "id": "run_id",
    "automation": "automation_id",
    "automation_name": "automation_name",
    "status": "status",
    "group": "group",
    "waits_for": "waits_for",
    "stop_kind": "stop_kind",
    "trigger": "trigger_type",
    "profile": "execution_profile",
    "definition_version": "definition_version",
    "deployment": "deployment_id",
}
#: ... those of one value, ...
_OTHERS: Final = {
    "due": "due",
    "stuck": "stuck_for",
    "text": "text",
    "terminal": "terminal",
    "org": "org_id",
    "workspace": "workspace_id",
    "min_duration": "min_duration",
    "min_cost": "min_cost_usd",
    "min_tokens": "min_tokens",
}
#: ... and the times, which may be ages.
_TIMES: Final = {
    "since": "created_from",
    "until": "created_to",
    "updated_since": "updated_from",
    "updated_until": "updated_to",
    "finished_since": "finished_from",
    "finished_until": "finished_to",
}
#: Separates the moment from which "7d" is counted from the cursor; no cursor contains it.
_SEPARATOR: Final = "~"


def filter_options(command: Command) -> Command:
    """Add the options that choose runs to a command."""
    return with_range(command, since_and_until("Created"))


def with_range(command: Command, since_and_until: tuple[Decorator, Decorator]) -> Command:
    """Add the options that choose runs, with these for the range that most questions have."""
    for option in reversed((*_CONDITIONS, *since_and_until, *_OTHER_TIMES)):
        option(command)  # which notes it at the command
    return command


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, and the cursor to continue from.

    A cursor belongs to one filter, but ``--since 7d`` means another filter at every moment. The
    cursor of such a list therefore includes the moment of its first page, from which the next pages
    count as well.
    """

    filter: RunFilter
    cursor: str | None
    #: The moment from which ages are counted, in microseconds since 1970; None without ages.
    anchor: int | None

    @classmethod
    def of(cls, conditions: Mapping[str, Any], cursor: str | None, *, now: datetime) -> Self:
        """Return the query that the options describe."""
        has_ages = any(isinstance(conditions[name], timedelta) for name in _TIMES)
        anchor, cursor = _split(cursor) if has_ages else (None, cursor)
        if anchor is not None:
            now = datetime.fromtimestamp(anchor / 1_000_000, UTC)
        fields: dict[str, Any] = {
            **{field: conditions[option] or None for option, field in _NAMED.items()},
            **{field: conditions[option] for option, field in _OTHERS.items()},
            **{field: resolve(conditions[option], now) for option, field in _TIMES.items()},
        }
        run_filter = RunFilter(**fields)
        return cls(run_filter, cursor, _microseconds(now) if has_ages else None)

    def next_cursor(self, cursor: str | None) -> str | None:
        """Return the cursor of the next page as users get it, or None after the last page."""
        if cursor is None or self.anchor is None:
            return cursor
        return f"{self.anchor}{_SEPARATOR}{cursor}"


def _split(cursor: str | None) -> tuple[int | None, str | None]:
    if cursor is None:
        return None, None
    anchor, separator, rest = cursor.partition(_SEPARATOR)
    # Sixteen digits are enough for the years 2001 to 2286; more would be beyond the calendar.
    if not (separator and anchor.isascii() and anchor.isdecimal() and len(anchor) == 16):
        raise InvalidCursorError(
            "This cursor is not from a list with an age such as 7d. Use it with the same options "
            "as the page that printed it."
        )
    return int(anchor), rest


def _microseconds(now: datetime) -> int:
    return (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

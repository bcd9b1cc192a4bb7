"""The options that choose runs, and the filter and cursor that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self, TypeVar

import click

from tandem_store import RunFilter
from tandem_store.cli.times import Moment, resolve
from tandem_store.errors import InvalidCursorError
from tandem_store.records import RunStatus, StopKind

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option(
        "--automation", metavar="ID", multiple=True, help="Runs of this automation; repeatable."
    ),
    click.option(
        "--status",
        type=click.Choice([status.value for status in RunStatus]),
        multiple=True,
        help="Runs with this status; repeatable.",
    ),
    click.option(
        "--stop-kind",
        type=click.Choice([kind.value for kind in StopKind]),
        multiple=True,
        help="Runs that were stopped in this way; repeatable.",
    ),
    click.option(
        "--trigger",
        metavar="TYPE",
        multiple=True,
        help="Runs that this kind of trigger started; repeatable.",
    ),
    click.option(
        "--text",
        metavar="TEXT",
        help="Runs with this text in an id, a failure or the detail; case is ignored.",
    ),
    click.option(
        "--terminal/--open",
        default=None,
        help="Only runs that have ended, or only runs that have not.",
    ),
    click.option("--org", metavar="ID", help="Runs of this organisation."),
    click.option("--workspace", metavar="ID", help="Runs of this workspace."),
    click.option(
        "--since",
        type=Moment(),
        help="Created at this time or later: 2026-08-01, 2026-08-01T12:00:00Z, or an age such as "
        "2w, 7d, 12h, 30min. Times without a zone are UTC.",
    ),
    click.option("--until", type=Moment(), help="Created before this time."),
    click.option("--updated-since", type=Moment(), help="Last updated at this time or later."),
    click.option("--updated-until", type=Moment(), help="Last updated before this time."),
    click.option("--finished-since", type=Moment(), help="Ended at this time or later."),
    click.option("--finished-until", type=Moment(), help="Ended before this time."),
)
_TIMES: Final = (
    "since",
    "until",
    "updated_since",
    "updated_until",
    "finished_since",
    "finished_until",
)
#: Separates the moment from which "7d" is counted from the cursor; no cursor contains it.
_SEPARATOR: Final = "~"


def filter_options(command: Command) -> Command:
    """Add the options that choose runs to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
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
        run_filter = RunFilter(
            automation_id=conditions["automation"] or None,
            status=conditions["status"] or None,
            stop_kind=conditions["stop_kind"] or None,
            trigger_type=conditions["trigger"] or None,
            text=conditions["text"],
            terminal=conditions["terminal"],
            org_id=conditions["org"],
            workspace_id=conditions["workspace"],
            created_from=resolve(conditions["since"], now),
            created_to=resolve(conditions["until"], now),
            updated_from=resolve(conditions["updated_since"], now),
            updated_to=resolve(conditions["updated_until"], now),
            finished_from=resolve(conditions["finished_since"], now),
            finished_to=resolve(conditions["finished_until"], now),
        )
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

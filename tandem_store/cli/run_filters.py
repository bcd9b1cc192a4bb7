"""What a list of runs is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from tandem_store import RunFilter
from tandem_store.cli.times import resolve
from tandem_store.errors import InvalidCursorError

_TIMES: Final = (
    "since",
    "until",
    "updated_since",
    "updated_until",
    "finished_since",
    "finished_until",
)
#: Between the moment that "7d" counts from and the cursor; no cursor holds it.
_SEPARATOR: Final = "~"


@dataclass(frozen=True, slots=True)
class Question:
    """A filter, and where to go on.

    A cursor is bound to its filter, and ``--since 7d`` means another filter at every moment. So the
    cursor of such a list carries the moment of its first page, and the next page counts from there.
    """

    filter: RunFilter
    cursor: str | None
    #: The moment that relative times count from, in microseconds; None without relative times.
    anchor: int | None

    @classmethod
    def of(cls, conditions: Mapping[str, Any], cursor: str | None, *, now: datetime) -> Self:
        """The question that the options ask."""
        relative = any(isinstance(conditions[name], timedelta) for name in _TIMES)
        anchor, cursor = _parted(cursor) if relative else (None, cursor)
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
        return cls(run_filter, cursor, _microseconds(now) if relative else None)

    def continued(self, next_cursor: str | None) -> str | None:
        """The cursor to hand out for the next page."""
        if next_cursor is None or self.anchor is None:
            return next_cursor
        return f"{self.anchor}{_SEPARATOR}{next_cursor}"


def _parted(cursor: str | None) -> tuple[int | None, str | None]:
    if cursor is None:
        return None, None
    anchor, separator, rest = cursor.partition(_SEPARATOR)
    # Sixteen digits reach from 2001 to 2286; more would leave the calendar.
    if not (separator and anchor.isascii() and anchor.isdecimal() and len(anchor) == 16):
        raise InvalidCursorError(
            "The cursor was not made for a list with a time such as 7d. Use it with the same "
            "options as the page it came from."
        )
    return int(anchor), rest


def _microseconds(now: datetime) -> int:
    return (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

"""Where a page ended or began, as text that a caller keeps and gives back.

A cursor is JSON in URL-safe base64. It carries a check over everything that it depends on, so one
that was cut, edited, or made for another filter, tenant or order is told apart by making it again.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from tandem_store.column_types import AsStored
from tandem_store.errors import InvalidCursorError, LegacyFormatError
from tandem_store.jsontext import canonical, loads
from tandem_store.runs.selection import Selection

#: Grows when cursors change their form; an older one is refused, not misread.
VERSION: Final = 2

_LARGEST: Final = 2**63 - 1


class Side(StrEnum):
    """On which side of a position the runs of a page lie, in the order of the listing.

    With the run at the position or without it; with it, where one turns back from an empty page.
    """

    AFTER = "after"
    FROM = "from"
    BEFORE = "before"
    UNTIL = "until"

    @property
    def is_forwards(self) -> bool:
        """Whether the page is read in the order of the listing."""
        return self in (Side.AFTER, Side.FROM)

    @property
    def is_inclusive(self) -> bool:
        """Whether the run at the position is on the page."""
        return self in (Side.FROM, Side.UNTIL)

    @property
    def other(self) -> Side:
        """The side that has every run that this one has not."""
        return _OTHER[self]


_OTHER: Final = {
    Side.AFTER: Side.UNTIL,
    Side.UNTIL: Side.AFTER,
    Side.BEFORE: Side.FROM,
    Side.FROM: Side.BEFORE,
}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order of listings: a creation time and, among equal ones, an id as stored."""

    created_at_ms: int
    run_id: str
    side: Side = Side.AFTER


def encode(position: Position, selection: Selection, *, newest_first: bool) -> str:
    """The cursor of the page that lies beside ``position``."""
    body = {
        "v": VERSION,
        "order": "newest" if newest_first else "oldest",
        "side": position.side.value,
        "at": position.created_at_ms,
        "id": position.run_id,
    }
    check = sha256(canonical([body, selection.facts()])).hexdigest()[:16]
    return urlsafe_b64encode(canonical({**body, "check": check})).decode().rstrip("=")


def decode(cursor: str, selection: Selection, *, newest_first: bool) -> Position:
    """The position in a cursor made by ``encode`` for the same selection and order.

    Raises ``InvalidCursorError`` for any other.
    """
    position = _position(cursor)
    if position is None or encode(position, selection, newest_first=newest_first) != cursor:
        raise InvalidCursorError(
            "The cursor is damaged, or was made for another filter, tenant or order. Use it with "
            "the same filter as the page it came from, or start again without a cursor."
        )
    return position


def _position(cursor: str) -> Position | None:
    try:
        body: Any = loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        at, run_id, side = body["at"], body["id"], Side(body["side"])
    except (ValueError, LookupError, TypeError, AttributeError, LegacyFormatError):
        return None
    if type(at) is not int or type(run_id) is not str or "\0" in run_id:
        return None
    return Position(at, AsStored(run_id), side) if 0 <= at <= _LARGEST else None

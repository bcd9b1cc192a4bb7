"""Where a page ended, as text that a caller keeps and gives back.

A cursor is JSON in URL-safe base64. It carries a check over everything that it depends on, so one
that was cut, edited, or made for another filter or order is told apart by making it again.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from tandem_store.errors import InvalidCursorError, LegacyFormatError
from tandem_store.legacy.json_text import canonical, loads
from tandem_store.records import RunFilter
from tandem_store.runs.filters import facts

#: Grows when cursors change their form; an older one is refused, not misread.
VERSION: Final = 1

_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order of listings: a creation time and, among equal ones, an id as stored."""

    created_at_ms: int
    run_id: str


def encode(position: Position, run_filter: RunFilter, *, newest_first: bool) -> str:
    """The cursor of a page that ended at ``position``."""
    body = {
        "v": VERSION,
        "order": "newest" if newest_first else "oldest",
        "at": position.created_at_ms,
        "id": position.run_id,
    }
    check = sha256(canonical([body, facts(run_filter)])).hexdigest()[:16]
    return urlsafe_b64encode(canonical({**body, "check": check})).decode().rstrip("=")


def decode(cursor: str, run_filter: RunFilter, *, newest_first: bool) -> Position:
    """The position in a cursor made by ``encode`` for the same filter and order.

    Raises ``InvalidCursorError`` for any other.
    """
    position = _position(cursor)
    if position is None or encode(position, run_filter, newest_first=newest_first) != cursor:
        raise InvalidCursorError(
            "The cursor is damaged, or was made for another filter or order. Use it with the same "
            "filter as the page it came from, or start again without a cursor."
        )
    return position


def _position(cursor: str) -> Position | None:
    try:
        body: Any = loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        at, run_id = body["at"], body["id"]
    except (ValueError, LookupError, TypeError, LegacyFormatError):
        return None
    if type(at) is not int or type(run_id) is not str or "\0" in run_id:
        return None
    return Position(at, run_id) if 0 <= at <= _LARGEST else None

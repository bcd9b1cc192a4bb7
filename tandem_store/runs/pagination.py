"""Cursors: where a page begins, as text that a caller keeps and passes back.

Pages are found by key and not by offset, so runs that are added or deleted between two pages move
nothing. A cursor is JSON in URL-safe base64. It carries a check of everything that it depends on:
one that was cut, edited, or made for another filter, tenant or order is refused.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

import orjson
from sqlalchemy import Column, ColumnElement, Select, bindparam, tuple_

from tandem_store.errors import InvalidCursorError
from tandem_store.runs.selection import Selection, Shape
from tandem_store.stored_text import AsStored
from tandem_store.tables import runs

#: Grows when cursors change their form; an older one is refused, not misread.
VERSION: Final = 2

_LARGEST: Final = 2**63 - 1
#: The most that base64 may lack at its end; more than it lacks does no harm.
_PADDING: Final = b"=="


class Side(StrEnum):
    """On which side of a position the runs of a page are, in the order of the listing.

    AFTER and BEFORE leave out the run at the position. FROM and UNTIL include it: they turn back
    from an empty page.
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
        """The side with every run that is not on this one."""
        return _OTHER[self]


_OTHER: Final = {
    Side.AFTER: Side.UNTIL,
    Side.UNTIL: Side.AFTER,
    Side.BEFORE: Side.FROM,
    Side.FROM: Side.BEFORE,
}


@dataclass(frozen=True, slots=True)
class Position:
    """A point in the order of listings: a creation time and, among equal ones, an id."""

    created_at_ms: int
    run_id: str
    side: Side = Side.AFTER


@dataclass(frozen=True)
class Cursors:
    """The cursors of one listing: of these runs, in this order."""

    selection: Selection
    newest_first: bool

    def encode(self, position: Position) -> str:
        """Return the cursor of the page beside ``position``."""
        body = {
            "v": VERSION,
            "order": "newest" if self.newest_first else "oldest",
            "side": position.side.value,
            "at": position.created_at_ms,
            "id": position.run_id,
        }
        check = sha256(b"[%b,%b]" % (_json(body), self._selected)).hexdigest()[:16]
        return urlsafe_b64encode(_json({**body, "check": check})).decode().rstrip("=")

    def decode(self, cursor: str) -> Position:
        """Return the position in a cursor of this listing.

        Raises ``InvalidCursorError`` for any other text.
        """
        position = _position(cursor)
        if position is None or not self._has_made(cursor, position):
            raise InvalidCursorError(
                "The cursor is damaged, or was made for another filter, tenant or order. Use it "
                "with the same filter as the page it came from, or start again without a cursor."
            )
        return position

    def _has_made(self, cursor: str, position: Position) -> bool:
        # Making it again compares the check and everything else at once.
        try:
            return self.encode(position) == cursor
        except orjson.JSONEncodeError:
            return False  # a filter for text that no run can have, which no page was ever made of

    @cached_property
    def _selected(self) -> bytes:
        """The selection as JSON, made once for the two or three cursors of a page."""
        return _json(self.selection.facts())


def ordered(
    query: Select[Any], shape: Shape, side: Side | None, *, newest_first: bool
) -> Select[Any]:
    """Return the query for selected runs, the nearest first: from a position on, or all of them.

    ``side`` is that of the position; ``values_of`` has its values. The order is that of the
    listing, and its reverse for a position whose page is before it.
    """
    key = (runs.c.created_at_ms, runs.c.run_id)
    query = query.where(*shape.conditions())
    descending = newest_first
    if side is not None:
        descending = newest_first is side.is_forwards
        query = query.where(_beyond(side, key, descending=descending))
    return query.order_by(*(column.desc() if descending else column.asc() for column in key))


def values_of(start: Position | None) -> dict[str, Any]:
    """Return the values of a position's parameters in an ordered query."""
    if start is None:
        return {}
    return {"start_ms": start.created_at_ms, "start_id": start.run_id}


def _beyond(side: Side, key: tuple[Column[Any], ...], *, descending: bool) -> ColumnElement[bool]:
    names = ("start_ms", "start_id")
    row = tuple_(*key)
    position = tuple_(
        *(bindparam(name, type_=one.type) for name, one in zip(names, key, strict=True))
    )
    if side.is_inclusive:
        return row <= position if descending else row >= position
    return row < position if descending else row > position


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _position(cursor: str) -> Position | None:
    try:
        body: Any = orjson.loads(urlsafe_b64decode(cursor.encode() + _PADDING))
        at, run_id, side = body["at"], body["id"], Side(body["side"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if type(at) is not int or type(run_id) is not str or "\0" in run_id:
        return None
    return Position(at, AsStored(run_id), side) if 0 <= at <= _LARGEST else None

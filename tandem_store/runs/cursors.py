"""Cursors: where a page begins, as text that a caller keeps and passes back.

Pages are found by key and not by offset, so runs that are added or deleted between two pages move
nothing. A cursor is some bytes in URL-safe base64: a version, flags, the value and the id of the
run where the page begins, and a check of these and of everything that the cursor depends on. One
that was cut, edited, or made for another filter, tenant or order is refused.

Programs keep cursors for longer than an upgrade takes, so those of version 2, which were JSON and
knew no order but that of creation, are still read.
"""

from __future__ import annotations

import math
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Self
from uuid import UUID

import orjson
from sqlalchemy import Column

from tandem_store.errors import InvalidCursorError
from tandem_store.mapping import LARGEST_BIGINT
from tandem_store.records import RunOrder
from tandem_store.runs.orders import Ordering, Position, Side
from tandem_store.runs.selection import Selection
from tandem_store.stored_text import AsStored

#: Grows when cursors change their form; an older one is read as such, or refused, not misread.
VERSION: Final = 3

_JSON_VERSION: Final = 2
#: The most that base64 may lack at its end; more than it lacks does no harm.
_PADDING: Final = b"=="
#: Bytes of the check: against damage and mistakes, not against an attacker.
_CHECKED: Final = 6
_SIDES: Final = tuple(Side)
#: How the value is written, by the second pair of bits of the flags.
_NO_VALUE, _INTEGER, _FLOAT = range(3)
_FORMS: Final = {_NO_VALUE: "", _INTEGER: ">q", _FLOAT: ">d"}
#: In the flags: the id is that of an engine, whose UUID takes a third of its text.
_IS_ENGINES: Final = 1 << 4
_ENGINES: Final = "automation-v2-run-"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What reading a text that is no cursor may raise.
_NO_CURSOR: Final = (ValueError, LookupError, TypeError, AttributeError, struct.error)


@dataclass(frozen=True)
class Cursors:
    """The cursors of one list: of what it depends on, as JSON values, and what it is sorted by."""

    facts: Any
    column: Column[Any]

    def encode(self, position: Position) -> str:
        """Return the cursor of the page beside ``position``."""
        body = bytes([VERSION]) + _written(position)
        check = sha256(body + self._selected).digest()[:_CHECKED]
        return urlsafe_b64encode(body + check).decode().rstrip("=")

    def decode(self, cursor: str) -> Position:
        """Return the position in a cursor of this list.

        Raises ``InvalidCursorError`` for any other text.
        """
        for read, write in self._forms():
            # JSON has no form for a filter for text that no run can have, which no page was ever
            # made of.
            with suppress(*_NO_CURSOR):
                position = read(urlsafe_b64decode(cursor.encode() + _PADDING))
                # Making it again compares the check and everything else at once.
                if self._is_one(position) and write(position) == cursor:
                    return position
        raise InvalidCursorError(
            "The cursor is damaged, or was made for another filter, tenant or order. Use it "
            "with the same filter as the page it came from, or start again without a cursor."
        )

    def _forms(self) -> Iterator[tuple[Callable[[bytes], Position], Callable[[Position], str]]]:
        """Yield what reads and what writes each form that a cursor may have."""
        yield _read, self.encode

    def _is_one(self, position: Position) -> bool:
        """Return whether the list can have a run at the position."""
        value, column = position.value, self.column
        if "\0" in position.run_id:
            return False
        if value is None:
            return bool(column.nullable)
        if type(value) is not column.type.python_type:
            return False
        return math.isfinite(value) and (type(value) is float or 0 <= value <= LARGEST_BIGINT)

    @cached_property
    def _selected(self) -> bytes:
        """What the list depends on, made once for the two or three cursors of a page."""
        return _json(self.facts)


@dataclass(frozen=True)
class RunCursors(Cursors):
    """The cursors of a list of runs, which may be of version 2."""

    selection: Selection
    ordering: Ordering

    @classmethod
    def of(cls, selection: Selection, ordering: Ordering) -> Self:
        """Return the cursors of the runs of a selection in an order."""
        facts = [selection.facts(), ordering.order, ordering.newest_first]
        return cls(facts, ordering.column, selection, ordering)

    def _forms(self) -> Iterator[tuple[Callable[[bytes], Position], Callable[[Position], str]]]:
        yield from super()._forms()
        # That version had one order.
        if self.ordering.order is RunOrder.CREATED:
            yield _from_json, self._encode_as_json

    def _encode_as_json(self, position: Position) -> str:
        body = {
            "v": _JSON_VERSION,
            "order": "newest" if self.ordering.newest_first else "oldest",
            "side": position.side.value,
            "at": position.value,
            "id": position.run_id,
        }
        facts = _json(self.selection.facts())
        check = sha256(b"[%b,%b]" % (_json(body), facts)).hexdigest()[:16]
        return urlsafe_b64encode(_json({**body, "check": check})).decode().rstrip("=")


def _written(position: Position) -> bytes:
    value, run_id = position.value, str(position.run_id)
    kind = _NO_VALUE if value is None else _FLOAT if isinstance(value, float) else _INTEGER
    flags = _SIDES.index(position.side) | kind << 2
    number = b"" if value is None else struct.pack(_FORMS[kind], value)
    tail = run_id.removeprefix(_ENGINES)
    if tail != run_id and _UUID.fullmatch(tail):
        return bytes([flags | _IS_ENGINES]) + number + UUID(tail).bytes
    return bytes([flags]) + number + run_id.encode()


def _read(cursor: bytes) -> Position:
    version, flags, rest = cursor[0], cursor[1], cursor[2:-_CHECKED]
    if version != VERSION:
        raise ValueError("another version")
    kind = flags >> 2 & 0b11
    length = struct.calcsize(_FORMS[kind])
    value = struct.unpack(_FORMS[kind], rest[:length])[0] if length else None
    text = rest[length:]
    run_id = f"{_ENGINES}{UUID(bytes=text)}" if flags & _IS_ENGINES else text.decode()
    return Position(value, AsStored(run_id), _SIDES[flags & 0b11])


def _from_json(cursor: bytes) -> Position:
    body: Any = orjson.loads(cursor)
    at, run_id = body["at"], body["id"]
    if type(at) is not int or type(run_id) is not str:
        raise TypeError("no position")
    return Position(at, AsStored(run_id), Side(body["side"]))


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

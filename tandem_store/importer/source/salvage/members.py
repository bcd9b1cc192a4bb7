"""Reads the members of a JSON object one after the other, even if the object is damaged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tandem_store.importer.source.salvage.tokens import (
    ENTRY,
    MEMBER,
    Buffer,
    after_comma,
    parses,
    skip_space,
    value_end,
)
from tandem_store.importer.source.spans import DamageKind, Span

#: How many times the size of the data may be read again to check suspicious members.
_REREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Head:
    """A member of which only the key was read: where the key and where the value begin."""

    start: int
    value: int


class Members:
    """Reads an object from ``position``, just behind its brace, and collects what is damaged."""

    def __init__(self, data: Buffer, position: int, damage: list[Span]) -> None:
        self.position = position
        self._data = data
        self._damage = damage
        self._bytes_to_reread = _REREADS * len(data)
        self._line = line_of_members(data, skip_space(data, position))

    def head(self) -> Head | None:
        """Return the next member's key and value positions, ``None`` if no more can be read."""
        while (start := skip_space(self._data, self.position)) < len(self._data):
            if self._data[start] == ord("}"):
                self.position = start + 1
                return None
            if name := MEMBER.match(self._data, start):
                return Head(start, name.end())
            self._note_damage(start, self._neighbour(start, len(self._data)), DamageKind.DAMAGED)
        self._ends_too_early(start)
        return None

    def member(self, head: Head) -> Span | None:
        """Return the range of a member, ``None`` if it is damaged."""
        neighbour = self._neighbour(head.start, len(self._data))
        is_run = neighbour is not None and ENTRY.match(self._data, neighbour) is not None
        # A line that begins a run ends the member before it, even if both together are valid JSON.
        # Behind any other line the end of the value is searched for, but only up to a limit:
        # otherwise a file that is damaged all over would take the square of the time.
        limit = neighbour if is_run or self._bytes_to_reread <= 0 else None
        stop = value_end(self._data, head.value, limit)
        if neighbour is not None and (stop is None or neighbour < stop):
            self._bytes_to_reread -= (len(self._data) if stop is None else stop) - head.value
            if stop is None or not parses(self._data, head.value, stop):
                self._note_damage(head.start, neighbour, DamageKind.DAMAGED)
                return None
        if stop is None:
            self._note_damage(head.start, None, DamageKind.TRUNCATED)
            return None
        self.go_to(stop)
        return Span(head.start, head.value, stop)

    def go_to(self, position: int) -> None:
        """Go on behind this position and the comma after it."""
        self.position = after_comma(self._data, position)

    def _neighbour(self, start: int, stop: int) -> int | None:
        """Return where the next line begins like a member, ``None`` if no line does."""
        if self._line is None:
            return None
        at = self._data.find(self._line + b'"', start, stop)
        return at + len(self._line) if at >= 0 else None

    def _note_damage(self, start: int, stop: int | None, kind: DamageKind) -> None:
        self.position = len(self._data) if stop is None else stop
        self._damage.append(Span.of_damage(start, self.position, kind))

    def _ends_too_early(self, end: int) -> None:
        self.position = end
        if self._damage and self._damage[-1].stop == end:
            self._damage[-1] = replace(self._damage[-1], damage=DamageKind.TRUNCATED)
        else:
            self._damage.append(Span.of_damage(end, end, DamageKind.TRUNCATED))


def line_of_members(data: Buffer, start: int) -> bytes | None:
    """Return the line break and indent before each member; the first member begins at ``start``.

    ``None`` unless each member begins a line and its own lines are indented deeper. The engine
    writes files like that: there, no line inside of a member begins like a member.
    """
    line = data.rfind(b"\n", max(0, start - 64), start)
    if line < 0 or line + 1 == start or bytes(data[line + 1 : start]).strip(b" \t"):
        return None
    members = bytes(data[line:start])
    name = MEMBER.match(data, start)
    inside = b"" if name is None else data[name.end() + 1 : name.end() + 3 + len(members)]
    inside = inside.removeprefix(b"\r")
    deeper = inside.startswith(members) and inside[len(members) : len(members) + 1] in {b" ", b"\t"}
    return members if deeper or not inside.startswith(b"\n") else None

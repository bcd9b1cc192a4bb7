"""The members of a JSON object one after the other, also of one that is damaged."""

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

#: How often all of the data may be read again to see whether a suspicious entry is whole after all.
_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class Head:
    """A member whose key was read: where the key and where the value begins."""

    start: int
    value: int


class Members:
    """The members of the object whose inside starts at ``position``, one after the other."""

    def __init__(self, data: Buffer, position: int, damage: list[Span]) -> None:
        self.position = position
        self._data = data
        self._damage = damage
        # A line end and the indent of the members, if each begins a line and what is inside them
        # is indented deeper. The engine writes so; there, no line inside a member begins like one.
        self._left = _LOOKS * len(data)
        self._line = line_of_members(data, skip_space(data, position))

    def head(self) -> Head | None:
        """The next member's key, or ``None`` at the end of what can be read."""
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
        """The whole member, or ``None`` when it is a fault."""
        neighbour = self._neighbour(head.start, len(self._data))
        is_run = neighbour is not None and ENTRY.match(self._data, neighbour) is not None
        # A line that begins a run ends the member before it, even where the two together are
        # valid JSON. Any other is looked beyond, but not so often that it takes the square of the
        # time in a file that is damaged all over.
        limit = neighbour if is_run or self._left <= 0 else None
        stop = value_end(self._data, head.value, limit)
        if neighbour is not None and (stop is None or neighbour < stop):
            self._left -= (len(self._data) if stop is None else stop) - head.value
            if stop is None or not parses(self._data, head.value, stop):
                self._note_damage(head.start, neighbour, DamageKind.DAMAGED)
                return None
        if stop is None:
            self._note_damage(head.start, None, DamageKind.TRUNCATED)
            return None
        self.go_to(stop)
        return Span(head.start, head.value, stop)

    def go_to(self, position: int) -> None:
        """Go on behind this position and the comma there."""
        self.position = after_comma(self._data, position)

    def _neighbour(self, start: int, stop: int) -> int | None:
        """Where the next line begins like a member, if the layout tells."""
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
    """The line end and indent that members have, if the first one starts here and shows it."""
    line = data.rfind(b"\n", max(0, start - 64), start)
    if line < 0 or line + 1 == start or bytes(data[line + 1 : start]).strip(b" \t"):
        return None
    members = bytes(data[line:start])
    name = MEMBER.match(data, start)
    inside = b"" if name is None else data[name.end() + 1 : name.end() + 3 + len(members)]
    inside = inside.removeprefix(b"\r")
    deeper = inside.startswith(members) and inside[len(members) : len(members) + 1] in {b" ", b"\t"}
    return members if deeper or not inside.startswith(b"\n") else None

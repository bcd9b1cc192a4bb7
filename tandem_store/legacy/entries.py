"""A file of many runs, cut into its entries without parsing them.

The old reader took such a file whole or not at all: one bad byte hid every run. Here every complete
entry counts. The outline of a file is found by one regular expression per bracket, so a file may be
as large as the address space (pass an ``mmap``); what cannot be an entry becomes a fault with its
range. Entries are validated by whoever reads them: the outline only has to be right for well-formed
files and lose nothing from damaged ones.
"""

from __future__ import annotations

import mmap
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Final

from tandem_store.errors import LegacyFormatError
from tandem_store.legacy.json_text import loads

Buffer = bytes | mmap.mmap

BOM: Final = b"\xef\xbb\xbf"
#: Up to this size, in bytes, a suspicious entry is parsed to see whether it is whole after all.
_WORTH_PARSING: Final = 64 * 1024 * 1024

_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MEMBER: Final = re.compile(rb"(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+", re.DOTALL)
_TEXT: Final = re.compile(_STRING, re.DOTALL)
_SCALAR: Final = re.compile(rb'[^\[\]{},:"\s]++')
# From anywhere outside a string to the next bracket, strings skipped.
_BRACKET: Final = re.compile(
    rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL
)
# The engine writes the run id first in every run.
_ENTRY: Final = re.compile(
    rb"("
    + _STRING
    + rb')[ \t\r\n]*+:[ \t\r\n]*+(\{[ \t\r\n]*+"run_id"[ \t\r\n]*+:[ \t\r\n]*+('
    + _STRING
    + rb"))",
    re.DOTALL,
)
_OPENING: Final = (ord("{"), ord("["))


class Fault(StrEnum):
    """What is wrong with a range of bytes that is no entry."""

    NOT_AN_OBJECT = "not_an_object"
    DAMAGED = "damaged_json"
    TRUNCATED = "truncated"
    TRAILING = "trailing_data"
    NO_RUNS = "no_runs"
    BAD_VERSION = "bad_schema_version"


_SALVAGEABLE: Final = {Fault.DAMAGED, Fault.TRUNCATED, Fault.TRAILING}


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes: an entry from its key to the end of its value, or a fault.

    ``value`` is where the value begins; for a fault there is none, and ``fault`` says what is
    wrong.
    """

    start: int
    value: int
    stop: int
    fault: Fault | None = None


@dataclass(slots=True)
class Outline:
    """What a file of runs holds, in the order of the file.

    ``version`` is the range of the last top-level ``schema_version``. Spans are kept as numbers in
    an array, because a file may have millions.
    """

    passed: Callable[[int], None] = lambda _: None
    version: tuple[int, int] | None = None
    faults: list[Span] = field(default_factory=list)
    _spans: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, start: int, value: int, stop: int) -> None:
        """Note an entry by its range."""
        self._spans.extend((start, value, stop))
        self.passed(stop)

    def put(self, span: Span) -> None:
        """Note an entry or a fault."""
        if span.fault is None:
            self.add(span.start, span.value, span.stop)
        else:
            self.faults.append(span)

    def clear(self) -> None:
        """Forget all entries and faults."""
        self._spans, self.faults = array("Q"), []

    def entries(self) -> Iterator[Span]:
        """The entries, complete ones and such as only look so."""
        spans = self._spans
        for at in range(0, len(spans), 3):
            yield Span(spans[at], spans[at + 1], spans[at + 2])

    def __len__(self) -> int:
        return len(self._spans) // 3


def outline(data: Buffer, passed: Callable[[int], None] = lambda _: None) -> Outline:
    """Cut a hot file, archive or map of version 0 into entries; never raises for damage.

    ``passed`` is told how far it has come, in bytes, after each entry.
    """
    found = Outline(passed)
    start = _skip_space(data, 3 if data[:3] == BOM else 0)
    if start < len(data) and data[start] != ord("{"):
        found.faults.append(Span(start, start, len(data), Fault.NOT_AN_OBJECT))
    elif start < len(data):
        _outline_object(data, start, found)
    _salvage_faults(data, found)
    return found


def salvage(data: Buffer, start: int, stop: int) -> Iterator[Span]:
    """The complete entries inside a damaged range, each checked, and the faults between them.

    An entry counts only if its key equals the run id written first in it, as the engine wrote all
    of them, so an object that merely looks like a run inside some output is not taken for one.
    """
    done = at = start
    while match := _ENTRY.search(data, at, stop):
        end = _value_end(data, match.start(2))
        at = match.end(1)
        if end is None or end > stop or not _is_entry(data, match, end):
            continue
        if match.start() > done:
            yield Span(done, done, match.start(), Fault.DAMAGED)
        yield Span(match.start(), match.start(2), end)
        done = at = _after_comma(data, end)
    if done < stop:
        yield Span(done, done, stop, Fault.DAMAGED)


def _outline_object(data: Buffer, start: int, found: Outline) -> None:
    top = _Members(data, start + 1, found.faults)
    loose = array("Q")
    maps = 0
    while head := top.head():
        key = key_at(data, head.start)
        if key == "runs" and _is_map_of_runs(data, head):
            maps += 1
            top.go_to(_outline_map(data, head, found))
        elif (member := top.member(head)) is None:
            continue
        elif key == "schema_version" and data[member.value] != ord("{"):
            found.version = (member.value, member.stop)
        elif key == "runs" and found.version and not _ENTRY.match(data, member.start):
            found.faults.append(Span(member.start, member.value, member.stop, Fault.NOT_AN_OBJECT))
        else:
            loose.extend((member.start, member.value, member.stop))
    _add_loose(data, loose, found, versioned=bool(maps or found.version))
    rest = _skip_space(data, top.position)
    if rest < len(data):
        found.faults.append(Span(rest, rest, len(data), Fault.TRAILING))
    if found.version and not (maps or found.faults or len(found)):
        found.faults.append(Span(start, start, len(data), Fault.NO_RUNS))


def _outline_map(data: Buffer, head: Head, found: Outline) -> int:
    """Add the entries of one map of runs; gives where it ends, which damage may have moved."""
    inside = _Members(data, head.value + 1, found.faults)
    while entry := inside.head():
        if member := inside.member(entry):
            found.add(member.start, member.value, member.stop)
    return inside.position


def _add_loose(data: Buffer, loose: array[int], found: Outline, *, versioned: bool) -> None:
    """Add top-level members: entries of version 0, or what fell out of a damaged map."""
    for at in range(0, len(loose), 3):
        if not versioned or _ENTRY.match(data, loose[at]):
            found.add(*loose[at : at + 3])


def _salvage_faults(data: Buffer, found: Outline) -> None:
    """Look for whole entries in what is damaged, together with the neighbours it spoiled.

    A quote too many swaps what is inside and outside of strings, so the cut may have gone through
    the key of the next entry: only both pieces together show it.
    """
    if not found.faults:
        return
    spans = sorted((*found.entries(), *found.faults), key=lambda span: (span.start, span.stop))
    found.clear()
    damaged = _damaged(data, spans)
    for is_damaged, group in groupby(zip(spans, damaged, strict=True), key=lambda pair: pair[1]):
        members = [span for span, _ in group]
        if is_damaged:
            _salvage_group(data, members, found)
            continue
        for span in members:
            found.put(span)


def _damaged(data: Buffer, spans: list[Span]) -> list[bool]:
    """Which spans are damage: faults, and beside them every entry that does not parse."""
    damaged = [span.fault in _SALVAGEABLE for span in spans]
    for order in (range(1, len(spans)), range(len(spans) - 2, -1, -1)):
        for at in order:
            before = at - order.step
            if damaged[before] and not damaged[at] and spans[at].fault is None:
                damaged[at] = not _parses(data, spans[at].value, spans[at].stop)
    return damaged


def _salvage_group(data: Buffer, group: list[Span], found: Outline) -> None:
    faults = [span.fault for span in group if span.fault is not None]
    stop = max(span.stop for span in group)
    for span in salvage(data, group[0].start, stop) if group[0].start < stop else group:
        if span.fault is not None:
            last = span.stop == len(data) and Fault.TRUNCATED in faults
            fault = Fault.TRUNCATED if last else faults[0]
            span = Span(span.start, span.value, span.stop, fault)
        found.put(span)


def _is_map_of_runs(data: Buffer, head: Head) -> bool:
    """Whether a member called ``runs`` is the map, not a run of version 0 with that key."""
    return data[head.value : head.value + 1] == b"{" and not _ENTRY.match(data, head.start)


@dataclass(frozen=True, slots=True)
class Head:
    """A member whose key was read: where the key and where the value begins."""

    start: int
    value: int


class _Members:
    """The members of the object whose inside starts at ``position``, one after the other."""

    def __init__(self, data: Buffer, position: int, faults: list[Span]) -> None:
        self.position = position
        self._data = data
        self._faults = faults
        # A line end and the indent of the members, if each begins a line and what is inside them
        # is indented deeper. The engine writes so; there, no line inside a member begins like one.
        self._line = _line_of_members(data, _skip_space(data, position))

    def head(self) -> Head | None:
        """The next member's key, or ``None`` at the end of what can be read."""
        while (start := _skip_space(self._data, self.position)) < len(self._data):
            if self._data[start] == ord("}"):
                self.position = start + 1
                return None
            if name := _MEMBER.match(self._data, start):
                return Head(start, name.end())
            self._fault(start, self._neighbour(start, len(self._data)), Fault.DAMAGED)
        self._ends_too_early(start)
        return None

    def member(self, head: Head) -> Span | None:
        """The whole member, or ``None`` when it is a fault."""
        stop = _value_end(self._data, head.value)
        if stop is None:
            neighbour = self._neighbour(head.start, len(self._data))
            self._fault(head.start, neighbour, Fault.DAMAGED if neighbour else Fault.TRUNCATED)
            return None
        neighbour = self._neighbour(head.start, stop)
        if neighbour is not None and not self._is_whole(head.value, stop):
            self._fault(head.start, neighbour, Fault.DAMAGED)
            return None
        self.go_to(stop)
        return Span(head.start, head.value, stop)

    def go_to(self, position: int) -> None:
        """Go on behind this position and the comma there."""
        self.position = _after_comma(self._data, position)

    def _neighbour(self, start: int, stop: int) -> int | None:
        """Where the next line begins like a member, if the layout tells."""
        if self._line is None:
            return None
        at = self._data.find(self._line + b'"', start, stop)
        return at + len(self._line) if at >= 0 else None

    def _is_whole(self, value: int, stop: int) -> bool:
        """Whether an entry that the layout shows to hold its neighbours is whole after all."""
        return stop - value <= _WORTH_PARSING and _parses(self._data, value, stop)

    def _fault(self, start: int, stop: int | None, code: Fault) -> None:
        self.position = len(self._data) if stop is None else stop
        self._faults.append(Span(start, start, self.position, code))

    def _ends_too_early(self, end: int) -> None:
        self.position = end
        if not (self._faults and self._faults[-1].stop == end):
            self._faults.append(Span(end, end, end, Fault.TRUNCATED))


def _line_of_members(data: Buffer, start: int) -> bytes | None:
    line = data.rfind(b"\n", max(0, start - 64), start)
    if line < 0 or line + 1 == start or bytes(data[line + 1 : start]).strip(b" "):
        return None
    members = bytes(data[line:start])
    name = _MEMBER.match(data, start)
    inside = b"" if name is None else data[name.end() + 1 : name.end() + 2 + len(members)]
    flat = inside.startswith(b"\n") and inside != members + b" "
    return None if flat else members


def value_at(data: bytes) -> int | None:
    """Where the value of the member begins that ``data`` is, or ``None`` if it is no member."""
    name = _MEMBER.match(data, 0)
    whole = name is not None and _value_end(data, name.end()) == len(data)
    return name.end() if name is not None and whole else None


def _value_end(data: Buffer, start: int) -> int | None:
    """Just behind the value that starts here, or ``None`` if the data ends inside it."""
    if start >= len(data):
        return None
    if data[start] == ord('"'):
        text = _TEXT.match(data, start)
        return text.end() if text else None
    if data[start] not in _OPENING:
        scalar = _SCALAR.match(data, start)
        return scalar.end() if scalar else None
    depth, at = 0, start
    while bracket := _BRACKET.match(data, at):
        at = bracket.end()
        depth += 1 if data[at - 1] in _OPENING else -1
        if depth == 0:
            return at
    return None


def _parses(data: Buffer, start: int, stop: int) -> bool:
    try:
        loads(bytes(data[start:stop]))
    except LegacyFormatError:
        return False
    return True


def _is_entry(data: Buffer, match: re.Match[bytes], end: int) -> bool:
    try:
        return bool(loads(match[1]) == loads(match[3])) and _parses(data, match.start(2), end)
    except LegacyFormatError:
        return False


def key_at(data: Buffer, start: int) -> str | None:
    """The key that begins here, or ``None`` if there is none."""
    quoted = _TEXT.match(data, start)
    try:
        return str(loads(quoted[0])) if quoted else None
    except LegacyFormatError:
        return None


def _skip_space(data: Buffer, at: int) -> int:
    space = _SPACE.match(data, at)
    return space.end() if space else at


def _after_comma(data: Buffer, at: int) -> int:
    at = _skip_space(data, at)
    return at + 1 if at < len(data) and data[at : at + 1] == b"," else at

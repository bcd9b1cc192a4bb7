"""A file of many runs, cut into its entries without parsing them.

The old reader took such a file whole or not at all: one bad byte hid every run. Here every complete
entry counts. The outline of a file is found by one regular expression per bracket, so a file may be
as large as the address space (pass an ``mmap``); what cannot be an entry becomes a fault with its
range. Entries are validated by whoever reads them: the outline only has to be right for well-formed
files and lose nothing from damaged ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from tandem_store.errors import LegacyFormatError
from tandem_store.legacy.json_text import loads
from tandem_store.legacy.members import Flaw, Head, Members, Span
from tandem_store.legacy.tokens import (
    ENTRY,
    VERSION,
    Buffer,
    after_comma,
    is_entry,
    key_at,
    parses,
    skip_space,
    value_end,
)

BOM: Final = b"\xef\xbb\xbf"
_SALVAGEABLE: Final = {Flaw.DAMAGED, Flaw.TRUNCATED, Flaw.TRAILING, Flaw.NOT_AN_OBJECT}
#: Bytes at the beginning of a file where its version is looked for behind garbage.
_HEADER: Final = 64 * 1024
#: How often salvaging looks further than the next entry for the end of one.
_FAR_LOOKS: Final = 64
_LARGEST_STRAY: Final = 64 * 1024 * 1024


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
    start = skip_space(data, 3 if data[:3] == BOM else 0)
    if start < len(data) and data[start] != ord("{"):
        found.faults.append(Span(start, start, len(data), Flaw.NOT_AN_OBJECT))
        if version := VERSION.search(data, start, start + _HEADER):
            found.version = version.span(1)  # garbage before a newer file does not make it older
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
    far_looks = _FAR_LOOKS
    while match := ENTRY.search(data, at, stop):
        at = match.end(1)
        following = ENTRY.search(data, match.end(), stop)
        end = value_end(data, match.start(2), following.start() if following else stop)
        if end is None and following and far_looks:
            # An output may look like an entry; but in a large file that is damaged all over,
            # looking to its end for every entry would take days.
            far_looks -= 1
            end = value_end(data, match.start(2), stop)
        if end is None or not is_entry(data, match, end):
            continue
        if match.start() > skip_space(data, done):
            yield Span(done, done, match.start(), Flaw.DAMAGED)
        yield Span(match.start(), match.start(2), end)
        done = at = after_comma(data, end)
    if skip_space(data, done) < stop:
        yield Span(done, done, stop, Flaw.DAMAGED)


def _outline_object(data: Buffer, start: int, found: Outline) -> None:
    top = Members(data, start + 1, found.faults)
    loose = array("Q")
    maps = 0
    while head := top.head():
        key = key_at(data, head.start)
        if key == "runs" and _is_map_of_runs(data, head):
            maps += 1
            top.go_to(_outline_map(data, head, found))
        elif (member := top.member(head)) is None:
            continue
        elif key == "schema_version" and not _is_run(data, member.value, member.stop):
            found.version = (member.value, member.stop)
        elif key == "runs" and found.version and not ENTRY.match(data, member.start):
            found.faults.append(Span(member.start, member.value, member.stop, Flaw.NOT_AN_OBJECT))
        else:
            loose.extend((member.start, member.value, member.stop))
    _add_loose(data, loose, found, versioned=bool(maps or found.version))
    rest = skip_space(data, top.position)
    if rest < len(data):
        found.faults.append(Span(rest, rest, len(data), Flaw.TRAILING))
    if found.version and not (maps or found.faults or len(found)):
        found.faults.append(Span(start, start, len(data), Flaw.NO_RUNS))


def _outline_map(data: Buffer, head: Head, found: Outline) -> int:
    """Add the entries of one map of runs; gives where it ends, which damage may have moved."""
    inside = Members(data, head.value + 1, found.faults)
    while entry := inside.head():
        if member := inside.member(entry):
            found.add(member.start, member.value, member.stop)
    return inside.position


def _add_loose(data: Buffer, loose: array[int], found: Outline, *, versioned: bool) -> None:
    """Add top-level members: entries of version 0, or what fell out of a damaged map."""
    for at in range(0, len(loose), 3):
        start, value, stop = loose[at : at + 3]
        if not versioned or ENTRY.match(data, start) or _is_run(data, value, stop):
            found.add(start, value, stop)
        elif found.faults and data[value] == ord("{"):
            found.faults.append(Span(start, value, stop, Flaw.DAMAGED))


def _is_run(data: Buffer, value: int, stop: int) -> bool:
    """Whether a top-level member looks like a run, in whatever order its fields stand."""
    if data[value] != ord("{") or stop - value > _LARGEST_STRAY:
        return False
    try:
        record = loads(bytes(data[value:stop]))
    except LegacyFormatError:
        return False
    return {"run_id", "automation_id"} <= set(record)


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
                damaged[at] = not parses(data, spans[at].value, spans[at].stop)
    return damaged


def _salvage_group(data: Buffer, group: list[Span], found: Outline) -> None:
    faults = [span.fault for span in group if span.fault is not None]
    stop = max(span.stop for span in group)
    for span in salvage(data, group[0].start, stop) if group[0].start < stop else group:
        if span.fault is not None:
            last = span.stop == len(data) and Flaw.TRUNCATED in faults
            fault = Flaw.TRUNCATED if last else faults[0]
            span = Span(span.start, span.value, span.stop, fault)
        found.put(span)


def _is_map_of_runs(data: Buffer, head: Head) -> bool:
    """Whether a member called ``runs`` is the map, not a run of version 0 with that key."""
    return data[head.value : head.value + 1] == b"{" and not ENTRY.match(data, head.start)

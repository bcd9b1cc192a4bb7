"""A file of many runs, cut into its entries without parsing them.

The old reader took such a file whole or not at all: one bad byte hid every run. Here every complete
entry counts. The outline of a file is found by one regular expression per bracket, so a file may be
as large as the address space (pass an ``mmap``); what cannot be an entry becomes a fault with its
range. Entries are validated by whoever reads them: the outline only has to be right for well-formed
files and lose nothing from damaged ones.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from tandem_store.errors import LegacyFormatError
from tandem_store.importer.source.salvage.damaged_ranges import is_whole, salvage
from tandem_store.importer.source.salvage.members import Head, Members
from tandem_store.importer.source.salvage.tokens import (
    ENTRY,
    LARGEST_RECORD,
    VERSION,
    Buffer,
    key_at,
    skip_space,
)
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.jsontext import loads

BOM: Final = b"\xef\xbb\xbf"
_SALVAGEABLE: Final = {
    DamageKind.DAMAGED,
    DamageKind.TRUNCATED,
    DamageKind.TRAILING,
    DamageKind.NOT_AN_OBJECT,
}
#: Bytes at the beginning of a file where its version is looked for behind garbage.
_HEADER: Final = 64 * 1024
#: How a whole file ends: its last run and the map are closed, or the version stands behind them.
_CLOSED: Final = re.compile(rb"(?:\}\s*+|" + VERSION.pattern + rb"\s*+)\}\s*+\Z")
#: The same in a file that is indented.
_CLOSED_LINE: Final = re.compile(rb"\n\}\s*+\Z")
#: A version behind the runs, where damage before it hides that it is one of the file's own members.
_LAST_VERSION: Final = re.compile(rb"\}\s*+,\s*+" + VERSION.pattern + rb"\s*+\}?\s*+\Z")
_TAIL: Final = 256


@dataclass(slots=True)
class Outline:
    """What a file of runs holds, in the order of the file.

    ``version`` is the range of the last top-level ``schema_version``. Spans are kept as numbers in
    an array, because a file may have millions.
    """

    on_progress: Callable[[int], None] = lambda _: None
    version: tuple[int, int] | None = None
    damage: list[Span] = field(default_factory=list)
    _spans: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, start: int, value: int, stop: int) -> None:
        """Note an entry by its range."""
        self._spans.extend((start, value, stop))
        self.on_progress(stop)

    def put(self, span: Span) -> None:
        """Note an entry or a fault."""
        if span.damage is None:
            self.add(span.start, span.value, span.stop)
        else:
            self.damage.append(span)

    def clear(self) -> None:
        """Forget all entries and faults."""
        self._spans, self.damage = array("Q"), []

    def entries(self) -> Iterator[Span]:
        """The entries, complete ones and such as only look so."""
        spans = self._spans
        for at in range(0, len(spans), 3):
            yield Span(spans[at], spans[at + 1], spans[at + 2])

    def __len__(self) -> int:
        return len(self._spans) // 3


def outline(data: Buffer, on_progress: Callable[[int], None] = lambda _: None) -> Outline:
    """Cut a hot file, archive or map of version 0 into entries; never raises for damage.

    ``on_progress`` is called after each entry with the number of bytes read so far.
    """
    found = Outline(on_progress)
    start = skip_space(data, 3 if data[:3] == BOM else 0)
    if start < len(data) and data[start] != ord("{"):
        found.damage.append(Span.of_damage(start, len(data), DamageKind.NOT_AN_OBJECT))
        if version := VERSION.search(data, start, start + _HEADER):
            found.version = version.span(1)  # garbage before a newer file does not make it older
    elif start < len(data):
        _outline_object(data, start, found)
    if found.damage:
        _salvage_faults(data, found)
        _look_for_version(data, found)
    return found


def _outline_object(data: Buffer, start: int, found: Outline) -> None:
    top = Members(data, start + 1, found.damage)
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
            found.damage.append(
                Span(member.start, member.value, member.stop, DamageKind.NOT_AN_OBJECT)
            )
        else:
            loose.extend((member.start, member.value, member.stop))
    _add_loose(data, loose, found, versioned=bool(maps or found.version))
    rest = skip_space(data, top.position)
    if rest < len(data):
        found.damage.append(Span.of_damage(rest, len(data), DamageKind.TRAILING))
    if found.version and not (maps or found.damage or len(found)):
        found.damage.append(Span.of_damage(start, len(data), DamageKind.NO_RUNS))


def _outline_map(data: Buffer, head: Head, found: Outline) -> int:
    """Add the entries of one map of runs; returns where it ends, which damage may have moved."""
    inside = Members(data, head.value + 1, found.damage)
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
        elif found.damage and data[value] == ord("{"):
            found.damage.append(Span(start, value, stop, DamageKind.DAMAGED))


def _is_run(data: Buffer, value: int, stop: int) -> bool:
    """Whether a top-level member looks like a run, in whatever order its fields stand."""
    if data[value] != ord("{") or stop - value > LARGEST_RECORD:
        return False
    try:
        record = loads(bytes(data[value:stop]))
    except LegacyFormatError:
        return False
    return {"run_id", "automation_id"} <= set(record)


def _salvage_faults(data: Buffer, found: Outline) -> None:
    """Look for whole entries in what is damaged, together with the neighbours it spoiled.

    A quote too many swaps what is inside and outside of strings, so the cut may have gone through
    the next entries, wherever the fault shows at last: only all that does not parse, up to the next
    entry that does, shows them.
    """
    spans = sorted((*found.entries(), *found.damage), key=lambda span: (span.start, span.stop))
    found.clear()
    groups = [
        (damaged, list(group))
        for damaged, group in groupby(spans, key=lambda span: _is_damaged(data, span, found))
    ]
    for number, (damaged, group) in enumerate(groups, start=1):
        if damaged:
            stop = groups[number][1][0].start if number < len(groups) else len(data)
            _salvage_group(data, group, stop, found)
        else:
            for span in group:
                found.put(span)


def _look_for_version(data: Buffer, found: Outline) -> None:
    """Damage does not make a newer file older."""
    if found.version is None and (version := _LAST_VERSION.search(data, max(0, len(data) - _TAIL))):
        found.version = version.span(1)


def _is_damaged(data: Buffer, span: Span, found: Outline) -> bool:
    if span.damage is not None:
        return span.damage in _SALVAGEABLE
    found.on_progress(span.start)
    return not is_whole(data, span.value, span.stop)


def _salvage_group(data: Buffer, group: list[Span], limit: int, found: Outline) -> None:
    """Find what is whole from the first of the spans up to the next that is whole."""
    start, stop = group[0].start, max(span.stop for span in group)
    kinds = [span.damage for span in group if span.damage is not None]
    kind = next((one for one in kinds if one is not DamageKind.TRUNCATED), DamageKind.DAMAGED)
    at_end = DamageKind.TRUNCATED in kinds
    last = DamageKind.TRUNCATED if not _is_closed(data) else kind
    for span in salvage(data, start, limit):
        if span.damage is None:
            found.put(span)
            continue
        end = min(span.stop, stop)  # what separates two entries is no damage
        if skip_space(data, span.start) >= end:
            continue
        is_last = at_end and end == len(data)
        at_end = at_end and not is_last
        found.put(Span.of_damage(span.start, end, last if is_last else kind))
    if at_end:
        found.put(Span.of_damage(len(data), len(data), last))


def _is_closed(data: Buffer) -> bool:
    """Whether a file ends like a whole one, so that no run behind its end is missing."""
    tail = bytes(data[max(0, len(data) - _TAIL) :])
    closed = _CLOSED.search(tail) is not None
    return closed and (b"\n" not in data[:_TAIL] or _CLOSED_LINE.search(tail) is not None)


def _is_map_of_runs(data: Buffer, head: Head) -> bool:
    """Whether a member called ``runs`` is the map, not a run of version 0 with that key."""
    return data[head.value : head.value + 1] == b"{" and not ENTRY.match(data, head.start)

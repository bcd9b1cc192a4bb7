"""Splits a file of many runs into its entries without parsing them.

The engine reads all of such a file or nothing: one bad byte hides every run. Here every complete
entry counts. One regular expression finds each bracket, so a file may be as large as the address
space (pass an ``mmap``). What cannot be an entry is noted as damage with its range. Entries are
validated later, by whoever reads them: the outline only has to be right for valid files and lose
nothing of damaged ones.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from tandem_store.errors import LegacyFormatError
from tandem_store.importer.source.salvage.damaged_ranges import is_complete, salvage
from tandem_store.importer.source.salvage.engine_layout import entries_as_laid_out
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
from tandem_store.legacy.versions import VERSION_FIELD

BOM: Final = b"\xef\xbb\xbf"
_SALVAGEABLE: Final = {
    DamageKind.DAMAGED,
    DamageKind.TRUNCATED,
    DamageKind.TRAILING,
    DamageKind.NOT_AN_OBJECT,
}
#: Bytes at the beginning of a file where its version is looked for behind garbage.
_HEADER: Final = 64 * 1024
#: How a complete file ends: its last run and the map are closed, or the version is behind them.
_CLOSED: Final = re.compile(rb"(?:\}\s*+|" + VERSION.pattern + rb"\s*+)\}\s*+\Z")
#: The same in a file that is indented.
_CLOSED_LINE: Final = re.compile(rb"\n\}\s*+\Z")
#: A version behind the runs: damage before it may hide that it is a member of the file's object.
_LAST_VERSION: Final = re.compile(rb"\}\s*+,\s*+" + VERSION.pattern + rb"\s*+\}?\s*+\Z")
_TAIL: Final = 256
_ENVELOPE: Final = {VERSION_FIELD, "runs"}


@dataclass(slots=True)
class Outline:
    """The entries of a file of runs, in its order, and its damaged ranges, in any order.

    ``version`` is the range of the last ``schema_version`` of the file, ``None`` without one.
    Entries are stored as numbers in an array, because a file may have millions.
    """

    on_progress: Callable[[int], None] = lambda _: None
    version: tuple[int, int] | None = None
    _spans: array[int] = field(default_factory=lambda: array("Q"))
    damage: list[Span] = field(default_factory=list)

    def add(self, start: int, value: int, stop: int) -> None:
        """Add an entry by its range."""
        self._spans.extend((start, value, stop))
        self.on_progress(stop)

    def put(self, span: Span) -> None:
        """Add an entry or a damaged range."""
        if span.damage is None:
            self.add(span.start, span.value, span.stop)
        else:
            self.damage.append(span)

    def clear(self) -> None:
        """Forget all entries and damaged ranges."""
        self._spans, self.damage = array("Q"), []

    def entries(self) -> Iterator[Span]:
        """Yield the entries; some may only look complete."""
        spans = self._spans
        for at in range(0, len(spans), 3):
            yield Span(spans[at], spans[at + 1], spans[at + 2])

    def __len__(self) -> int:
        return len(self._spans) // 3


def outline(data: Buffer, on_progress: Callable[[int], None] = lambda _: None) -> Outline:
    """Find the entries of a hot file or archive of either version; damage raises no error.

    ``on_progress`` is called after each entry with the number of bytes read so far.
    """
    if (laid_out := entries_as_laid_out(data, on_progress)) is not None:
        return Outline(on_progress, *laid_out)
    return outline_of_any_layout(data, on_progress)


def outline_of_any_layout(
    data: Buffer, on_progress: Callable[[int], None] = lambda _: None
) -> Outline:
    """Find the entries by following every bracket, as ``outline`` does where the layout fails."""
    found = Outline(on_progress)
    start = skip_space(data, 3 if data[:3] == BOM else 0)
    if start < len(data) and data[start] != ord("{"):
        found.damage.append(Span.of_damage(start, len(data), DamageKind.NOT_AN_OBJECT))
        if version := VERSION.search(data, start, start + _HEADER):
            found.version = version.span(1)  # a newer file stays newer with garbage before it
    elif start < len(data):
        _outline_object(data, start, found)
    if found.damage:
        _salvage_faults(data, found)
        _look_for_version(data, found)
    return found


def _outline_object(data: Buffer, start: int, found: Outline) -> None:
    """Outline the object that is the file; its brace is at ``start``.

    In version 1, two members make up the envelope. Any other is an entry that a brace too many has
    thrown out of the map::

        {"schema_version": 1,
         "runs": {"a": {"run_id": "a"}, "b": {"run_id": "b"}},
         "c": {"run_id": "c", "automation_id": "x"}}

    In version 0 every member is an entry, whatever its key::

        {"a": {"run_id": "a"}, "runs": {"run_id": "runs"}}

    Which version it is may be known only at the end. Until then members that are not part of an
    envelope are kept apart.
    """
    top = Members(data, start + 1, found.damage)
    apart = array("Q")
    has_map = False
    while head := top.head():
        key = key_at(data, head.start)
        if key == "runs" and _is_map_of_runs(data, head):
            has_map = True
            top.go_to(_outline_map(data, head, found))
            continue
        member = top.member(head)
        if member is None:
            continue  # it is noted as damage
        if key not in _ENVELOPE or not _note_envelope(data, key, member, found):
            apart.extend((member.start, member.value, member.stop))
    _add_apart(data, apart, found, versioned=has_map or found.version is not None)
    rest = skip_space(data, top.position)
    if rest < len(data):
        found.damage.append(Span.of_damage(rest, len(data), DamageKind.TRAILING))
    if found.version and not (has_map or found.damage or len(found)):
        found.damage.append(Span.of_damage(start, len(data), DamageKind.NO_RUNS))


def _note_envelope(data: Buffer, key: str, member: Span, found: Outline) -> bool:
    """Note the version, or a ``runs`` that is not a map; return whether the member is either."""
    if key == VERSION_FIELD:
        if _is_run(data, member.value, member.stop):
            return False
        found.version = (member.value, member.stop)
        return True
    if found.version and not ENTRY.match(data, member.start):
        found.damage.append(replace(member, damage=DamageKind.NOT_AN_OBJECT))
        return True
    return False


def _outline_map(data: Buffer, head: Head, found: Outline) -> int:
    """Add the entries of a map of runs; return where it ends, or seems to if it is damaged."""
    inside = Members(data, head.value + 1, found.damage)
    while entry := inside.head():
        if member := inside.member(entry):
            found.add(member.start, member.value, member.stop)
    return inside.position


def _add_apart(data: Buffer, apart: array[int], found: Outline, *, versioned: bool) -> None:
    """Add members of the file's object: entries of version 0, or of a map with a brace too many."""
    for at in range(0, len(apart), 3):
        start, value, stop = apart[at : at + 3]
        if not versioned or ENTRY.match(data, start) or _is_run(data, value, stop):
            found.add(start, value, stop)
        elif found.damage and data[value] == ord("{"):
            found.damage.append(Span(start, value, stop, DamageKind.DAMAGED))


def _is_run(data: Buffer, value: int, stop: int) -> bool:
    """Whether a member of the file's object looks like a run, with its fields in any order."""
    if data[value] != ord("{") or stop - value > LARGEST_RECORD:
        return False
    try:
        record = loads(bytes(data[value:stop]))
    except LegacyFormatError:
        return False
    return {"run_id", "automation_id"} <= set(record)


def _salvage_faults(data: Buffer, found: Outline) -> None:
    """Search the damaged ranges for complete entries, and with them the entries beside them.

    A quote too many swaps the inside and the outside of strings, so the entries behind it may be
    split in the wrong places too. Hence everything that does not parse, up to the next entry that
    does, is searched as one range.
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
    """Search the end of a damaged file for its version: a newer file stays newer if damaged."""
    if found.version is None and (version := _LAST_VERSION.search(data, max(0, len(data) - _TAIL))):
        found.version = version.span(1)


def _is_damaged(data: Buffer, span: Span, found: Outline) -> bool:
    if span.damage is not None:
        return span.damage in _SALVAGEABLE
    found.on_progress(span.start)
    return not is_complete(data, span.value, span.stop)


def _salvage_group(data: Buffer, group: list[Span], limit: int, found: Outline) -> None:
    """Add the complete entries from the first span up to ``limit``, and the damage between them."""
    start, stop = group[0].start, max(span.stop for span in group)
    kinds = [span.damage for span in group if span.damage is not None]
    kind = next((one for one in kinds if one is not DamageKind.TRUNCATED), DamageKind.DAMAGED)
    at_end = DamageKind.TRUNCATED in kinds
    last = DamageKind.TRUNCATED if not _is_closed(data) else kind
    for span in salvage(data, start, limit):
        if span.damage is None:
            found.put(span)
            continue
        end = min(span.stop, stop)  # what separates two entries is not damaged
        if skip_space(data, span.start) >= end:
            continue
        is_last = at_end and end == len(data)
        at_end = at_end and not is_last
        found.put(Span.of_damage(span.start, end, last if is_last else kind))
    if at_end:
        found.put(Span.of_damage(len(data), len(data), last))


def _is_closed(data: Buffer) -> bool:
    """Whether a file ends like a complete one, so that no run is missing behind its end."""
    tail = bytes(data[max(0, len(data) - _TAIL) :])
    closed = _CLOSED.search(tail) is not None
    return closed and (b"\n" not in data[:_TAIL] or _CLOSED_LINE.search(tail) is not None)


def _is_map_of_runs(data: Buffer, head: Head) -> bool:
    """Whether a member called ``runs`` is the map, and not a run with that id in version 0."""
    return data[head.value : head.value + 1] == b"{" and not ENTRY.match(data, head.start)

"""Finds the complete entries in a damaged range, in any layout and order of fields.

A run's id is in the file twice: as its key and in its ``run_id``. Every object whose key is the id
of some run in the range may be an entry. One pass over the brackets finds where each of them ends
and which objects are around it, so the time is proportional to the length of the range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.importer.source.salvage.members import line_of_members
from tandem_store.importer.source.salvage.tokens import (
    BRACKET,
    LARGEST_RECORD,
    OPENING,
    SPACE,
    STRING,
    Buffer,
    after_comma,
    contains_other_runs,
    skip_space,
)
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.jsontext import dumps, loads

_RUN_ID: Final = re.compile(
    rb'"run_id"' + SPACE + rb":" + SPACE + rb"(" + STRING + rb")", re.DOTALL
)
# A quote that begins a key has no backslash before it, and every quote inside a string has one. So
# no two tries scan the same bytes, and text in a string that looks like an entry is not found.
_OBJECT: Final = re.compile(
    rb"(?<!\\)(" + STRING + rb")(?=" + SPACE + rb":" + SPACE + rb"(\{))", re.DOTALL
)
#: In how many of the open objects around an entry another entry is searched for.
_NEAR: Final = 64
#: How many surrounding objects are examined. An entry has only two around it, the map of runs and
#: the file; whatever has three that end is inside of another run.
_LEVELS: Final = 3


def salvage(data: Buffer, start: int, stop: int) -> Iterator[Span]:
    """Yield the complete entries in a damaged range, each parsed to check it, and damage between.

    An entry counts only if its key equals its run id and if it is not inside of another run. So an
    object in some output that only looks like a run does not count.
    """
    line = line_of_members(data, start)
    done = start
    nesting = _Nesting(data, start, stop)
    for found in nesting.candidates(_starts(data, start, stop)):
        end = nesting.end(found)
        if found.start < done or end is None:
            continue
        on_line = line is not None and data[found.start - len(line) : found.start] == line
        if not (on_line or nesting.is_entry_level(found)):
            continue
        if not _is_entry(data, found, end):
            continue
        if found.start > skip_space(data, done):
            yield Span.of_damage(done, found.start, DamageKind.DAMAGED)
        yield Span(found.start, found.value, end)
        done = after_comma(data, end)
    if skip_space(data, done) < stop:
        yield Span.of_damage(done, stop, DamageKind.DAMAGED)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An object that may be an entry: where its key and its value begin, and what is around it.

    ``around`` has the three objects that it is in, the innermost first, each as the position of
    its bracket. Those that began before the range have negative numbers: -1 is the one in which
    the range begins; lower numbers are used when a bracket closes it, or when the text has to be
    read afresh. ``inside`` is how many levels it is below another candidate, 0 if it is not.
    """

    start: int
    value: int
    around: tuple[int, ...]
    inside: int


@dataclass(slots=True)
class _Nesting:
    """The brackets of a range, matched in one pass."""

    data: Buffer
    start: int
    stop: int
    _open: list[int] = field(default_factory=list)
    _outside: int = -1
    _wanted: set[int] = field(default_factory=set)
    _closed: dict[int, int] = field(default_factory=dict)

    def candidates(self, starts: Iterable[tuple[int, int]]) -> list[_Candidate]:
        """Return a candidate for each of ``starts``, with the objects around it, in the same order.

        ``starts`` are positions of keys and values, as from ``_starts``. This reads the complete
        range, so that ``end`` knows afterwards where each candidate ends.
        """
        found: list[_Candidate] = []
        values: set[int] = set()
        at = self.start
        for start, value in starts:
            at = self._read(at, value + 1, start)
            if at != value + 1:
                # Its bracket was read as part of a string, but no string contains such a key: there
                # is a quote too few or too many before it. From here on the text is read afresh.
                self._open = [value]
                self._outside -= _LEVELS
                at = value + 1
            found.append(self._candidate(start, value, values))
            values.add(value)
        self._read(at, self.stop, self.stop)
        return found

    def end(self, candidate: _Candidate) -> int | None:
        """Return the position behind the bracket that closes a candidate.

        Returns ``None`` if no bracket does.
        """
        closed = self._closed.get(candidate.value)
        return None if closed is None else closed + 1

    def is_entry_level(self, candidate: _Candidate) -> bool:
        """Whether it is an entry of the file, and not a part of an entry.

        An entry that lacks a bracket seems to contain those behind it. But it ends with the file,
        while an output ends inside of its run.
        """
        if candidate.around[0] == -1:
            return True
        if candidate.around[-1] in self._closed:
            return False
        if candidate.around[-1] != -1 and _is_first(self.data, candidate.start):
            return False  # the first entry of a file is never that deep
        return candidate.around[0] in self._closed or candidate.inside < 2

    def _read(self, at: int, stop: int, following: int) -> int:
        """Match the brackets up to ``stop``; return the position behind the last one.

        ``following`` is where the next candidate begins.
        """
        data, opened = self.data, self._open
        while at < stop and (bracket := BRACKET.match(data, at, stop)):
            at = bracket.end()
            if data[at - 1] in OPENING:
                opened.append(at - 1)
            elif opened:
                if (name := opened.pop()) in self._wanted:
                    self._closed[name] = at - 1
            elif skip_space(data, after_comma(data, at)) != following:
                # A bracket too many at the end of an entry does not close what goes on behind it.
                self._closed[self._outside] = at - 1
                self._outside -= 1
        return at

    def _candidate(self, start: int, value: int, values: set[int]) -> _Candidate:
        """Return the candidate whose bracket was opened last, with what is around it."""
        around = [*self._open[-2 : -2 - _LEVELS : -1]]
        around += range(self._outside, self._outside - _LEVELS + len(around), -1)
        self._wanted.update((value, around[0], around[-1]))
        near = self._open[-2 : -2 - _NEAR : -1]
        inside = next((level for level, at in enumerate(near, start=1) if at in values), 0)
        return _Candidate(start, value, tuple(around), inside)


def _is_first(data: Buffer, start: int) -> bool:
    """Whether the member that starts here is the first of its object."""
    before = bytes(data[max(0, start - 256) : start]).rstrip(b" \t\r\n")
    return before.endswith(b"{")


def _starts(data: Buffer, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where key and value begin, of each object whose key is the id of a run in the range."""
    ids = {_plain(found[1]) for found in _RUN_ID.finditer(data, start, stop)}
    at = start
    while found := _OBJECT.search(data, at, stop):
        # If a quote is missing, the one that seems to end a key may really begin the next string.
        at = found.end(1) - 1
        if _plain(found[1]) in ids:
            yield found.start(), found.start(2)


def _plain(text: bytes) -> bytes:
    """Return a JSON string in its canonical spelling, with no needless escapes."""
    if b"\\" not in text:
        return text
    try:
        return dumps(loads(text))
    except LegacyFormatError:
        return text


def _is_entry(data: Buffer, found: _Candidate, end: int) -> bool:
    """Whether a candidate is a complete entry: it parses, and its key is its run id."""
    if end - found.value > LARGEST_RECORD:
        return False
    try:
        key, record = loads(_key(data, found)), loads(bytes(data[found.value : end]))
    except LegacyFormatError:
        return False
    return record.get("run_id") == key and not _ends_with_other_runs(record)


def _key(data: Buffer, found: _Candidate) -> bytes:
    return bytes(data[found.start : found.value]).rstrip(b" \t\r\n").removesuffix(b":")


def is_complete(data: Buffer, value: int, stop: int) -> bool:
    """Whether the value of an entry in a damaged file is complete, and may be a run at all."""
    if stop - value > LARGEST_RECORD:
        return False
    try:
        record = loads(bytes(data[value:stop]))
    except LegacyFormatError:
        return False
    if not isinstance(record, dict) or not ("run_id" in record or "checkpoint" in record):
        return False
    return not _ends_with_other_runs(record)


def _ends_with_other_runs(record: Any) -> bool:
    """Whether a record ends with other runs, because brackets are missing before them."""
    while isinstance(record, dict) and record:
        if contains_other_runs(record):
            return True
        # The version of the file may be behind them.
        record = next((record[key] for key in reversed(record) if key != "schema_version"), None)
    return False

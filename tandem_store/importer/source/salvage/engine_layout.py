"""Cuts a hot file or archive at the engine's own layout, which is ten times as fast as any other.

The engine indents by two spaces, and JSON text has no line break inside a string. So in a file of
version 1 an entry ends at the first line that is four spaces and a brace::

    {
      "schema_version": 1,
      "runs": {
        "a": {
          "run_id": "a"
        },

Every entry that is cut out is parsed once, which proves that its brackets match. A file that is not
laid out so from its first byte to its last, or has an entry that does not parse, is for others.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import Final, NamedTuple

from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, STRING, Buffer
from tandem_store.jsontext import is_json

_HEAD: Final = re.compile(rb'\{\n  "schema_version": ([0-9]++),\n  "runs": \{\n')
_ENTRY: Final = re.compile(rb"    (" + STRING + rb": )\{\n", re.DOTALL)
_END: Final = b"\n    }"
_NEXT: Final = b",\n"
_TAIL: Final = re.compile(rb"\n  \}\n\}[ \t\r\n]*+\Z")


class LaidOut(NamedTuple):
    """The range of the version, and start, value and stop of each entry, one after the other."""

    version: tuple[int, int]
    spans: array[int]


def entries_as_laid_out(
    data: Buffer, on_progress: Callable[[int], None] = lambda _: None
) -> LaidOut | None:
    """Return the entries of a sound file in the engine's layout, ``None`` for any other file.

    ``on_progress`` is called after each entry with the number of bytes read so far.
    """
    head = _HEAD.match(data)
    if head is None:
        return None
    found = LaidOut(head.span(1), array("Q"))
    at = head.end()
    while entry := _ENTRY.match(data, at):
        value = entry.end(1)
        stop = data.find(_END, value) + len(_END)
        is_cut = value < stop <= value + LARGEST_RECORD
        if not is_cut or not is_json(bytes(data[value:stop])):
            return None
        found.spans.extend((entry.start(1), value, stop))
        on_progress(stop)
        if data[stop : stop + len(_NEXT)] != _NEXT:
            return found if _TAIL.match(data, stop) else None
        at = stop + len(_NEXT)
    return None

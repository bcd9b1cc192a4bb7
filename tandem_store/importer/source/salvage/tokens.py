"""Splits JSON text into members without parsing it: one regular expression finds each bracket.

Positions are byte offsets. The results are right for valid JSON; anything else has to be parsed to
find out.
"""

from __future__ import annotations

import mmap
import re
from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import loads

Buffer = bytes | mmap.mmap


#: The most bytes of one record, definition or entry that are parsed. The engine writes kilobytes,
#: seldom a few megabytes. A parser needs three times the size of a record in memory if it is mostly
#: text, and about thirty times if it is all brackets.
LARGEST_RECORD: Final = 64 * 1024 * 1024
SPACE: Final = rb"[ \t\r\n]*+"
STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
OPENING: Final = (ord("{"), ord("["))

_SPACE: Final = re.compile(SPACE)
MEMBER: Final = re.compile(rb"(" + STRING + rb")" + SPACE + rb":" + SPACE, re.DOTALL)
_TEXT: Final = re.compile(STRING, re.DOTALL)
_SCALAR: Final = re.compile(rb'[^\[\]{},:"\s]++')
# From anywhere outside a string to the next bracket, strings skipped.
BRACKET: Final = re.compile(rb'[^"{}\[\]]*+(?:' + STRING + rb'[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
# An entry as the engine writes it, with the run id first.
ENTRY: Final = re.compile(
    rb"(?:"
    + STRING
    + rb")"
    + SPACE
    + rb":"
    + SPACE
    + rb"\{"
    + SPACE
    + rb'"run_id"'
    + SPACE
    + rb":"
    + SPACE
    + rb"(?:"
    + STRING
    + rb")",
    re.DOTALL,
)
VERSION: Final = re.compile(rb'"schema_version"' + SPACE + rb":" + SPACE + rb"([0-9.]++)")


def value_at(data: bytes) -> int | None:
    """Return where the value begins if ``data`` is one complete member of an object.

    Returns ``None`` if it is not.
    """
    name = MEMBER.match(data, 0)
    complete = name is not None and value_end(data, name.end()) == len(data)
    return name.end() if name is not None and complete else None


def value_end(data: Buffer, start: int, limit: int | None = None) -> int | None:
    """Return the end of the value that starts here, exclusive; ``None`` if it is beyond ``limit``.

    Without a limit, the end of the data is the limit.
    """
    limit = len(data) if limit is None else limit
    if start >= limit:
        return None
    if data[start] == ord('"'):
        text = _TEXT.match(data, start, limit)
        return text.end() if text else None
    if data[start] not in OPENING:
        scalar = _SCALAR.match(data, start, limit)
        return scalar.end() if scalar else None
    depth, at = 0, start
    while bracket := BRACKET.match(data, at, limit):
        at = bracket.end()
        depth += 1 if data[at - 1] in OPENING else -1
        if depth == 0:
            return at
    return None


def parses(data: Buffer, start: int, stop: int) -> bool:
    """Whether the range is a JSON value that is not too large for a record."""
    if stop - start > LARGEST_RECORD:
        return False
    try:
        loads(bytes(data[start:stop]))
    except LegacyFormatError:
        return False
    return True


def contains_other_runs(record: Any) -> bool:
    """Whether a record has other runs among its fields, because a brace between them is missing."""
    return isinstance(record, dict) and any(
        isinstance(value, dict) and value.get("run_id") == key and "automation_id" in value
        for key, value in record.items()
    )


def key_at(data: Buffer, start: int) -> str | None:
    """Return the key that begins here, ``None`` if no key does."""
    quoted = _TEXT.match(data, start, start + LARGEST_RECORD)
    try:
        return str(loads(quoted[0])) if quoted else None
    except LegacyFormatError:
        return None


def skip_space(data: Buffer, at: int) -> int:
    """Return where the next token begins."""
    space = _SPACE.match(data, at)
    return space.end() if space else at


def after_comma(data: Buffer, at: int) -> int:
    """Return the position behind the space that starts here, and behind a comma that follows it."""
    at = skip_space(data, at)
    return at + 1 if at < len(data) and data[at : at + 1] == b"," else at

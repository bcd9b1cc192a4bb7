"""Reads and writes JSON as the engine does: strictly, with integers and floats kept apart.

The engine's files, the store's documents and snapshots, and its cursors go through this module.
"""

from __future__ import annotations

import re
from json import JSONDecodeError
from typing import Any, Final

import orjson

from tandem_store.errors import LegacyFormatError

#: How many levels of arrays and objects orjson can write.
_MOST_LEVELS: Final = 254
#: How many a record may have: four fewer, for the envelopes around it. The engine reads 127.
MAX_DEPTH: Final = 250
#: The characters that the engine trims: Unicode's White_Space. Python's ``str.strip`` would also
#: remove U+001C to U+001F.
WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# May be the number -0, or a part of a string that only looks like it. The look-behind is last, so
# that the search is as fast as one for its two literal bytes.
_MAYBE_NEGATIVE_ZERO: Final = re.compile(rb"-0(?=[\s\],}]|\Z)(?<![^\s\[,:]-0)")
# The number -0, or a string to skip; the exponent of 1e-0 is neither.
_STRING_OR_NEGATIVE_ZERO: Final = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(?<![eE])-0(?=[\s\],}]|\Z)', re.DOTALL
)
# Without these, orjson would turn dates and dataclasses into JSON that reads back as another type.
_NO_CONVERSIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class DepthError(LegacyFormatError):
    """The document has more levels than could be written again."""


def decode(data: bytes) -> str:
    """Return the text of a file.

    Raises:
        LegacyFormatError: it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise LegacyFormatError("stream did not contain valid UTF-8") from error


def loads(data: bytes) -> Any:
    """Return the value of a JSON document.

    If a key is repeated, the last one counts. Integers from -2**63 to 2**64 - 1 become ``int``; any
    other number becomes the nearest ``float``, also ``1.0`` and ``-0``.

    Raises:
        DepthError: the document has more than 250 levels.
        LegacyFormatError: it is not UTF-8, not strict JSON, or has a number beyond the largest
            double; the text names line and column if there are any.
    """
    value = loads_of_any_depth(data)
    refuse_depth(value)
    return value


def loads_of_any_depth(data: bytes) -> Any:
    """Return the value of a JSON document as ``loads`` does, however deep it is nested.

    For a caller that writes the value at once, which is how its depth is found out.
    """
    value = _parse(data)
    if _MAYBE_NEGATIVE_ZERO.search(data):
        value = _parse(_STRING_OR_NEGATIVE_ZERO.sub(_with_fraction, data))
    return value


def is_json(data: bytes) -> bool:
    """Return whether this is one JSON document, however deep it is nested."""
    try:
        orjson.loads(data)
    except JSONDecodeError:
        return False
    return True


def refuse_depth(value: Any) -> None:
    """Raise ``DepthError`` for a value of more than 250 levels."""
    _write_within(value, MAX_DEPTH, 0)


def has_levels(value: Any, levels: int) -> bool:
    """Return whether a value has at least so many levels of arrays and objects, up to 254."""
    try:
        _write_within(value, levels - 1, 0)
    except DepthError:
        return True
    return False


def dumps(value: Any) -> bytes:
    """Return the value as compact JSON, with keys in their own order.

    Raises:
        LegacyFormatError: JSON has no form for the value, or it has more than 254 levels.
    """
    return _write(value, 0)


def canonical(value: Any) -> bytes:
    """Return the value as compact JSON with sorted keys, so that equal values have equal bytes.

    Raises:
        LegacyFormatError: JSON has no form for the value, or it has more than 254 levels.
    """
    return _write(value, orjson.OPT_SORT_KEYS)


def canonical_within(value: Any, levels: int) -> bytes:
    """Return a value that was read as ``canonical`` does, if it has at most so many levels.

    Raises:
        DepthError: it has more.
    """
    return _write_within(value, levels, orjson.OPT_SORT_KEYS)


def pretty(value: Any) -> bytes:
    """Return the value in the engine's layout: indented by two spaces, without a final newline.

    Raises:
        LegacyFormatError: JSON has no form for the value, or it has more than 254 levels.
    """
    return _write(value, orjson.OPT_INDENT_2)


def _write(value: Any, layout: int) -> bytes:
    try:
        return orjson.dumps(value, option=layout | _NO_CONVERSIONS)
    except orjson.JSONEncodeError as error:
        raise LegacyFormatError(f"cannot be written as JSON: {error}") from error


def _parse(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except JSONDecodeError as error:
        decode(data)  # what is not UTF-8 has no line and column
        position = f"line {error.lineno} column {error.colno}"
        raise LegacyFormatError(f"{error.msg} at {position}") from error


def _with_fraction(match: re.Match[bytes]) -> bytes:
    """Spell -0 as a float: orjson would read it as the integer 0."""
    return b"-0.0" if match[0] == b"-0" else match[0]


def _write_within(value: Any, levels: int, layout: int) -> bytes:
    # Nothing walks a value faster than orjson, not even counting its brackets. So the value is
    # written inside so many brackets that only a value of few enough levels can be.
    brackets = _MOST_LEVELS - levels
    for _ in range(brackets):
        value = [value]
    try:
        return orjson.dumps(value, option=layout | _NO_CONVERSIONS)[brackets:-brackets]
    except orjson.JSONEncodeError as error:
        raise DepthError(f"nested more than {MAX_DEPTH} levels deep") from error

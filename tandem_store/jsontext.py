"""JSON text as the engine reads and writes it: strict, integers and floats kept apart."""

from __future__ import annotations

import re
from json import JSONDecodeError
from typing import Any, Final

import orjson

from tandem_store.errors import LegacyFormatError

#: How many arrays and objects may lie inside each other: as many as orjson can write. The engine
#: reads 127.
MAX_DEPTH: Final = 250
#: What the engine trims: Unicode White_Space. Python's ``strip`` would take U+001C to U+001F too.
WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# What may be the number -0; inside a string it may match without being one. The look-behind stands
# last, so that the search runs at the speed of its two literal bytes.
_MAYBE_NEGATIVE_ZERO: Final = re.compile(rb"-0(?=[\s\],}]|\Z)(?<![^\s\[,:]-0)")
# The number -0 itself, or a string to skip; the exponent of 1e-0 is neither.
_STRING_OR_NEGATIVE_ZERO: Final = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(?<![eE])-0(?=[\s\],}]|\Z)', re.DOTALL
)
# Types that orjson would quietly turn into strings or objects, and that would not come back.
_NO_CONVERSIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class DepthError(LegacyFormatError):
    """The document is nested deeper than we can write again."""


def decode(data: bytes) -> str:
    """The text of a file.

    Raises:
        LegacyFormatError: it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise LegacyFormatError("stream did not contain valid UTF-8") from error


def loads(data: bytes) -> Any:
    """The value of a JSON document.

    Repeated keys: the last one counts. Integers from -2**63 to 2**64 - 1 are ``int``; any other
    number is the nearest ``float``, also ``1.0`` and ``-0``.

    Raises:
        LegacyFormatError: not UTF-8, no strict JSON, a number beyond the largest double, or more
            than 254 levels deep; with line and column where there is one.
    """
    value = _parse(data)
    if _MAYBE_NEGATIVE_ZERO.search(data):
        value = _parse(_STRING_OR_NEGATIVE_ZERO.sub(_with_fraction, data))
    _refuse_depth(value)
    return value


def dumps(value: Any) -> bytes:
    """The value as compact JSON, keys in their own order.

    Raises:
        LegacyFormatError: JSON has no form for it, or it is too deep.
    """
    return _write(value, 0)


def canonical(value: Any) -> bytes:
    """The value as compact JSON with sorted keys: equal values give equal bytes.

    Raises:
        LegacyFormatError: JSON has no form for it, or it is too deep.
    """
    return _write(value, orjson.OPT_SORT_KEYS)


def pretty(value: Any) -> bytes:
    """The value as the engine lays it out in files: two spaces, no final newline.

    Raises:
        LegacyFormatError: JSON has no form for it, or it is too deep.
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
        decode(data)  # a file that is no text has no line and column
        place = f"line {error.lineno} column {error.colno}"
        raise LegacyFormatError(f"{error.msg} at {place}") from error


def _with_fraction(match: re.Match[bytes]) -> bytes:
    """Spell -0 as the float that it is; orjson reads it as the integer 0."""
    return b"-0.0" if match[0] == b"-0" else match[0]


def _refuse_depth(value: Any) -> None:
    """Refuse what can be read but could not be written again."""
    try:
        # The text is thrown away: nothing walks a value faster, not even counting its brackets.
        # orjson writes 254 levels; four are left for the envelopes that we put round a record.
        orjson.dumps([[[[value]]]])
    except orjson.JSONEncodeError as error:
        raise DepthError(f"nested more than {MAX_DEPTH} levels deep") from error

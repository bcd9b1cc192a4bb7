"""Text in a form that every database can hold.

PostgreSQL refuses U+0000 in text, and file names that are not UTF-8 reach Python as lone surrogates
that no database takes. Both are stored as U+0001 and two hexadecimal digits of the byte, and U+0001
itself in the same way, which makes the escape reversible. The other lone surrogates, which no
record has but a caller may ask for, are stored as U+0001, ``u`` and four digits. Ordinary text is
stored as it is, so it sorts as it would without the escape.

The column types apply the escape; nobody else has to think of it.
"""

from __future__ import annotations

import re
from typing import Any, Final

_ESCAPED: Final = re.compile("[\x00\x01\ud800-\udfff]")
_ESCAPE: Final = re.compile("\x01(?:u([0-9a-f]{4})|([0-9a-f]{2}))")
#: The most bytes of UTF-8 that one character takes when it is stored.
_WIDEST: Final = 6


class AsStored(str):
    """A text exactly as a column holds it: compared and written without an escape.

    A column that holds what no escape makes, as after damage, returns its text as one of these, so
    that a question that names the value finds the same row again.
    """

    __slots__ = ()


def escaped(value: Any) -> Any:
    """Return a text as it is stored, and any other value as it is.

    Members of an enumeration count as the text that they are.
    """
    if type(value) is str:
        return value if value.isprintable() else _ESCAPED.sub(_escape, value)
    if isinstance(value, str) and not isinstance(value, AsStored):
        return escaped(str.__str__(value))
    return value


def unescaped(value: Any) -> Any:
    """Return a text as it was before the escape, and any other value as it is."""
    if type(value) is not str or value.isprintable():  # as no escape is
        return value
    text = _ESCAPE.sub(_unescape, value)
    return text if escaped(text) == value else AsStored(value)


def is_longer(text: str, limit: int) -> bool:
    """Whether a text, as it is stored, takes more than ``limit`` bytes of UTF-8."""
    # Almost all are too short to be counted.
    return len(text) * _WIDEST > limit and len(escaped(text).encode()) > limit


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
        return f"\x01{code & 0xFF:02x}"
    return f"\x01u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    byte = int(match[2], 16)
    return chr(byte if byte < 0x80 else 0xDC00 + byte)

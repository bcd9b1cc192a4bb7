"""Text as every database can hold it.

PostgreSQL refuses U+0000 in text, and file names that are not UTF-8 reach Python as lone surrogates
that no database takes. Both are written as U+0001 and two hexadecimal digits of the byte; U+0001
itself likewise, which makes the escape reversible. The other lone surrogates, which no record has
but a caller may ask for, are written as U+0001, ``u`` and four digits. Ordinary text passes
unchanged.
"""

from __future__ import annotations

import re
from typing import Final

#: What every escape begins with.
MARK: Final = "\x01"

_ESCAPED: Final = re.compile("[\x00\x01\ud800-\udfff]")
_ESCAPE: Final = re.compile("\x01(?:u([0-9a-f]{4})|([0-9a-f]{2}))")


def to_column(text: str) -> str:
    """The text with U+0000, U+0001 and lone surrogates escaped."""
    return _ESCAPED.sub(_escape, text)


def from_column(text: str) -> str:
    """The text as it was before ``to_column``."""
    return _ESCAPE.sub(_unescape, text) if MARK in text else text


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

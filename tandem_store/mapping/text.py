"""Text as every database can hold it.

PostgreSQL refuses U+0000 in text, and file names that are not UTF-8 reach Python as lone surrogates
that no database takes. Both are written as U+0001 and two hexadecimal digits of the byte; U+0001
itself likewise, which makes the escape reversible. Ordinary text passes unchanged.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPED: Final = re.compile("[\x00\x01\udc80-\udcff]")
_ESCAPE: Final = re.compile("\x01([0-9a-f]{2})")


def to_column(text: str) -> str:
    """The text with U+0000, U+0001 and undecodable bytes escaped."""
    return _ESCAPED.sub(lambda match: f"\x01{ord(match[0]) & 0xFF:02x}", text)


def from_column(text: str) -> str:
    """The text as it was before ``to_column``."""
    return _ESCAPE.sub(_unescape, text) if "\x01" in text else text


def _unescape(match: re.Match[str]) -> str:
    byte = int(match[1], 16)
    return chr(byte if byte < 0x80 else 0xDC00 + byte)

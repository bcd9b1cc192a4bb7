"""Values as people read them, with nothing in them that a terminal would obey."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from tandem_store.records.base import aware_datetime

# Controls (C0, DEL, C1), surrogates, and what turns the direction of text or breaks a line unseen.
_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")


def printable(text: str, *, lines: bool = False) -> str:
    """The text with control characters spelled out, as ``\\x1b``; ``lines`` keeps line ends."""
    return _OBEYED.sub(lambda match: _spelled(match[0], lines=lines), text)


def one_line(text: str, width: int) -> str:
    """The text in one line of at most ``width`` characters, cut with an ellipsis."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - marks


def moment(at_ms: int | None) -> str:
    """A time as ISO 8601 in UTC; milliseconds where they are not zero, or no calendar has it."""
    if at_ms is None:
        return "-"
    at = aware_datetime(at_ms)
    if at is None:
        return f"{at_ms} ms"
    spec = "milliseconds" if at_ms % 1_000 else "seconds"
    return at.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def size(count: int) -> str:
    """A number of bytes in the unit that suits it; 1 KB is 1,000 bytes."""
    amount, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if amount < 1_000 or unit == _UNITS[-1]:
            break
        amount /= 1_000
    return f"{count:,} {unit}" if unit == _UNITS[0] else f"{amount:,.1f} {unit}"


def number(value: int) -> str:
    """An integer with its thousands apart."""
    return f"{value:,}"


def dollars(value: float) -> str:
    """A cost in US dollars."""
    return f"{value:,.4f}"


def _spelled(character: str, *, lines: bool) -> str:
    if lines and character in "\n\t":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

"""Values as people read them, with nothing in them that a terminal would obey."""

from __future__ import annotations

import re
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.filesize import decimal

from tandem_store.records.base import aware_datetime

# Controls (C0, DEL, C1), surrogates, and what turns the direction of text or breaks a line unseen.
_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: Milliseconds.
_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY
_AGES: Final = ((_YEAR, "y"), (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))
_SPANS: Final = (
    (_DAY, "d", _HOUR, "h"),
    (_HOUR, "h", _MINUTE, "min"),
    (_MINUTE, "min", _SECOND, "s"),
)
#: Up to here days say more than years: two years of history are told apart.
_YEARS_FROM: Final = 2 * _YEAR


def printable(text: str, *, lines: bool = False) -> str:
    """The text with control characters spelled out, as ``\\x1b``; ``lines`` keeps line ends."""
    return _OBEYED.sub(lambda match: _spelled(match[0], lines=lines), text)


def one_line(text: str, width: int | None = None) -> str:
    """The text in one line of at most ``width`` columns of a terminal, cut with an ellipsis."""
    line = printable(" ".join(text.split()))
    if width is None or cell_len(line) <= width:
        return line
    return f"{set_cell_size(line, width - 1).rstrip()}…"


def moment(at_ms: int | None) -> str:
    """A time as ISO 8601 in UTC; milliseconds where they are not zero, or no calendar has it."""
    if at_ms is None:
        return "-"
    at = aware_datetime(at_ms)
    if at is None:
        return f"{at_ms} ms"
    spec = "milliseconds" if at_ms % 1_000 else "seconds"
    return at.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def age(at_ms: int, now_ms: int) -> str:
    """How long ago a time is, in its greatest unit, as ``--since`` takes it: ``5min``, ``3d``."""
    apart = abs(now_ms - at_ms)
    unit, name = next(
        ((size, name) for size, name in _AGES if apart >= (_YEARS_FROM if size == _YEAR else size)),
        (_SECOND, "s"),
    )
    told = f"{apart // unit:,}{name}"
    return told if at_ms <= now_ms else f"in {told}"


def span(length_ms: int) -> str:
    """A duration in one unit or two: ``850 ms``, ``12.3 s``, ``2 min 9 s``."""
    for unit, name, part, part_name in _SPANS:
        if length_ms >= unit:
            return f"{length_ms // unit:,} {name} {length_ms % unit // part} {part_name}"
    return f"{length_ms / _SECOND:.1f} s" if length_ms >= _SECOND else f"{length_ms} ms"


def size(count: int) -> str:
    """A number of bytes in the unit that suits it; 1 kB is 1,000 bytes."""
    return decimal(count)


def number(value: int) -> str:
    """An integer with its thousands apart."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """A number with what it counts: ``1 file``, ``2 files``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("py") else f"{noun}s"
    return f"{value:,} {noun if value == 1 else plural}"


def dollars(value: float) -> str:
    """A cost in US dollars."""
    return f"{value:,.4f}"


def _spelled(character: str, *, lines: bool) -> str:
    if lines and character in "\n\t":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

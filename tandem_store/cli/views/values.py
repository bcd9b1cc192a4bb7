"""Formats values for people: lines of text, times, durations, sizes, numbers and cost."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.filesize import decimal

from tandem_store.cli.terminal import printable
from tandem_store.clock import aware_datetime

#: Milliseconds.
_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY
_AGES: Final = ((_YEAR, "y"), (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))
_DURATIONS: Final = (
    (_DAY, "d", _HOUR, "h"),
    (_HOUR, "h", _MINUTE, "min"),
    (_MINUTE, "min", _SECOND, "s"),
)
#: Ages up to here are given in days, which say more.
_YEARS_FROM: Final = 2 * _YEAR


def one_line(text: str, width: int | None = None) -> str:
    """Return the text as one line of at most ``width`` terminal columns, cut with an ellipsis."""
    line = printable(" ".join(text.split()))
    if width is None or cell_len(line) <= width:
        return line
    return f"{set_cell_size(line, width - 1).rstrip()}…"


def path_lines(path: str, width: int | None) -> list[str]:
    """Return the path in lines of at most ``width`` columns, broken only after slashes."""
    *folders, name = printable(path).split("/")
    lines = [""]
    for part in (*(f"{folder}/" for folder in folders), name):
        if width is not None and lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return lines


def timestamp(at_ms: int | None) -> str:
    """Return a time as ISO 8601 in UTC, or as milliseconds if it is beyond the calendar."""
    if at_ms is None:
        return "-"
    at = aware_datetime(at_ms)
    if at is None:
        return f"{at_ms} ms"
    spec = "milliseconds" if at_ms % 1_000 else "seconds"
    return at.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def age(at_ms: int, now_ms: int) -> str:
    """Return how long ago a time is, as ``--since`` takes it: ``5min``, ``3d``."""
    apart = abs(now_ms - at_ms)
    unit, name = next(
        ((size, name) for size, name in _AGES if apart >= (_YEARS_FROM if size == _YEAR else size)),
        (_SECOND, "s"),
    )
    text = f"{apart // unit:,}{name}"
    return text if at_ms <= now_ms else f"in {text}"


def since_or_until(at_ms: int, now_ms: int) -> str:
    """Return how long ago a time is, or how far ahead: ``3d ago``, ``in 5min``."""
    text = age(at_ms, now_ms)
    return text if at_ms > now_ms else f"{text} ago"


def duration(length_ms: int) -> str:
    """Return a duration in one unit or two: ``850 ms``, ``12.3 s``, ``2 min 9 s``."""
    for unit, name, part, part_name in _DURATIONS:
        if length_ms >= unit:
            return f"{length_ms // unit:,} {name} {length_ms % unit // part} {part_name}"
    return f"{length_ms / _SECOND:.1f} s" if length_ms >= _SECOND else f"{length_ms} ms"


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits it; 1 kB is 1,000 bytes."""
    return decimal(count)


def number(value: int) -> str:
    """Return an integer with commas between its thousands."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``, ``2 copies``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("py") else f"{noun}s"
    return f"{value:,} {noun if value == 1 else plural}"


def dollars(value: float) -> str:
    """Return a cost in US dollars, without the currency."""
    return f"{value:,.4f}"


def percentage(rate: float | None) -> str:
    """Return a rate from 0 to 1 in percent, or ``-`` if there is none."""
    return "-" if rate is None else f"{rate:.1%}".replace("%", " %")

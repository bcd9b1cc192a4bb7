"""Bars of block characters, for numbers beside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

#: A column of the terminal, filled from one eighth to completely.
_EIGHTHS: Final = "▏▎▍▌▋▊▉█"


def bars(values: Sequence[float], width: int) -> list[str]:
    """Return a bar for each value; the greatest is ``width`` terminal columns long.

    A value above 0 has at least the thinnest bar, and 0 has none.
    """
    greatest = max(values, default=0)
    return [_bar(_share(value, greatest), width) for value in values]


def _share(value: float, greatest: float) -> float:
    if math.isinf(greatest):
        return float(value == greatest)
    return value / greatest if greatest else 0.0


def _bar(share: float, width: int) -> str:
    if share <= 0:
        return ""
    complete, rest = divmod(max(round(share * width * 8), 1), 8)
    return _EIGHTHS[-1] * complete + (_EIGHTHS[rest - 1] if rest else "")

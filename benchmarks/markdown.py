"""Tables in Markdown, and how figures are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: What a cell has when nothing was measured: the dash that tables have in print.
NOTHING = "–"  # noqa: RUF001


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Return a table; all columns but the first ``words`` have figures, and align to the right."""
    rules = ["---"] * words + ["--:"] * (len(headings) - words)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows))


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure with so many digits after the point; large ones have none."""
    if value is None:
        return NOTHING
    return f"{value:,.{0 if abs(value) >= 1_000 else digits}f}"


def megabytes(value: float | None) -> str:
    """Return bytes as megabytes of 1,000,000 bytes."""
    return NOTHING if value is None else f"{number(value / 1e6, 1 if value < 1e7 else 0)} MB"


def spread(least: float | None, greatest: float | None) -> str:
    """Return the smallest and the greatest value of a series."""
    if least is None or greatest is None:
        return NOTHING
    return f"{number(least)} - {number(greatest)}"


def pair(p50: float | None, p99: float | None) -> str:
    """Return the median and the 99th percentile of a call, in milliseconds."""
    return NOTHING if p50 is None else f"{number(p50)} / {number(p99)}"

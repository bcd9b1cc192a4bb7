"""Statistics of runs as a table, with shares and bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import without_prefix
from tandem_store.cli.views.bars import bars
from tandem_store.cli.views.periods import with_empty
from tandem_store.cli.views.statistics import Counted, label
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell, Styled, Table
from tandem_store.cli.views.values import counted, dollars, duration, number
from tandem_store.records.statistics_keys import PERIODS, StatisticsKey
from tandem_store.runs import RunStatistics

#: Marks what has runs that were detached.
_MARK: Final = "*"
#: The columns that a narrow terminal leaves out, in this order.
_OPTIONAL: Final = ("% RUNS", "P95", "% COST", "P50", "BY COST", "BY RUNS", "% SUCCESS")
#: The width of the bars, in terminal columns.
_SHORTEST, _LONGEST = 7, 30


def show(found: Counted, first: datetime | None, end: datetime | None) -> None:
    """Print a table of the statistics, with a line of totals.

    A table of days, weeks or months alone has a line for each from ``first`` to ``end``.
    """
    entries = _lines(found, first, end)
    headings = (*(_heading(found, key) for key in found.keys), *_headings(found))
    align = "l" * len(found.keys) + "r" * (len(headings) - len(found.keys))
    rows: list[tuple[Cell, ...]] = [
        (*_keys(found, entry), *_figures(found, entry)) for entry in entries
    ]
    blank = [""] * (len(found.keys) - 1)
    total: tuple[Cell, ...] = ("total", *blank, *_figures(found, found.total))
    if terminal.is_terminal():
        width = terminal.width() or 0
        room = width - Table.of(headings, [*rows, total], align).width - 2
        heading, drawn = _bars(entries, max(_SHORTEST, min(room, _LONGEST)))
        headings, align = (*headings, heading), f"{align}l"
        rows = [(*row, bar) for row, bar in zip(rows, drawn, strict=True)]
        total = (*total, "")
    cut = next((name for name in headings if name in {"AUTOMATION", "TENANT"}), "")
    output.print_table(headings, [*rows, total], align=align, cut=cut, optional=_OPTIONAL)
    _note_detached(found)


def _lines(found: Counted, first: datetime | None, end: datetime | None) -> Sequence[RunStatistics]:
    """Return the entries in the order of time; without a period, the most expensive first."""
    if len(found.keys) == 1 and found.keys[0] in PERIODS:
        return with_empty(found.entries, found.keys[0], first, end)
    if PERIODS.intersection(found.keys):
        return found.entries
    return sorted(found.entries, key=lambda entry: (-entry.estimated_cost_usd, -entry.runs))


def _heading(found: Counted, key: StatisticsKey) -> str:
    return f"{key} {found.time}".upper() if key in PERIODS else key.upper()


def _headings(found: Counted) -> list[str]:
    names = ["RUNS", "% RUNS", "TOKENS", "COST USD", "% COST", "% SUCCESS", "P50", "P95"]
    return [name for name in names if name != "% SUCCESS" or _has_success(found)]


def _has_success(found: Counted) -> bool:
    """Return whether the runs of an entry can have ended in several ways."""
    return StatisticsKey.STATUS not in found.keys


def _keys(found: Counted, entry: RunStatistics) -> list[Cell]:
    first, *others = (_cell(entry, key) for key in found.keys)
    return [first._replace(text=f"{first.text} {_MARK}") if entry.detached else first, *others]


def _cell(entry: RunStatistics, key: StatisticsKey) -> Styled:
    text = label(entry, key)
    if text is None:
        return Styled("none", "dim")
    if key is StatisticsKey.STATUS:
        return status(text)
    is_short = key is StatisticsKey.AUTOMATION and terminal.is_terminal()
    return Styled(without_prefix(text) if is_short else text, "")


def _figures(found: Counted, entry: RunStatistics) -> list[Cell]:
    total = found.total
    return [
        number(entry.runs),
        _percent(entry.runs, total.runs),
        number(entry.total_tokens),
        dollars(entry.estimated_cost_usd),
        _percent(entry.estimated_cost_usd, total.estimated_cost_usd),
        *([_percent(entry.completed, entry.ended)] if _has_success(found) else []),
        _duration(entry.duration_p50_ms),
        _duration(entry.duration_p95_ms),
    ]


def _percent(part: float, whole: float) -> str:
    """Return a share in percent; ``-`` of nothing, and of sums that are no numbers any more."""
    return f"{100 * part / whole:.1f}" if whole and math.isfinite(whole) else "-"


def _duration(length_ms: int | None) -> str:
    return "-" if length_ms is None else duration(length_ms)


def _bars(entries: Sequence[RunStatistics], width: int) -> tuple[str, list[str]]:
    """Return a bar for each entry, of its cost, or of its runs if none cost anything."""
    costs = [entry.estimated_cost_usd for entry in entries]
    if any(costs):
        return "BY COST", bars(costs, width)
    return "BY RUNS", bars([entry.runs for entry in entries], width)


def _note_detached(found: Counted) -> None:
    if found.total.detached:
        output.print_note(
            f"{_MARK} {counted(found.total.detached, 'run')} of months that were detached or "
            "dropped, whose durations are not known; to leave them out: tandem-store stats "
            "--attached-only"
        )

"""Days, weeks and months without runs, for tables that would seem to have no gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final

from tandem_store.month import Month
from tandem_store.records.statistics_keys import StatisticsKey
from tandem_store.runs import RunStatistics

#: Nobody reads more lines, and one wrong clock could make thousands of them.
_MOST: Final = 400

Position = Callable[[Any], int]
Value = Callable[[int], Any]


def _month(position: int) -> Month:
    year, month = divmod(position, 12)
    return Month(year, month + 1)


#: For each period: which one a period or a day is on a scale, and back. Day 1 was a Monday.
_SCALES: Final[Mapping[StatisticsKey, tuple[Position, Value]]] = {
    StatisticsKey.DAY: (date.toordinal, date.fromordinal),
    StatisticsKey.WEEK: (
        lambda day: (day.toordinal() - 1) // 7,
        lambda week: date.fromordinal(week * 7 + 1),
    ),
    StatisticsKey.MONTH: (lambda at: at.year * 12 + at.month - 1, _month),
}


def with_empty(
    entries: Sequence[RunStatistics],
    key: StatisticsKey,
    first: datetime | None,
    end: datetime | None,
) -> list[RunStatistics]:
    """Return the entries of one kind of period, and one with zeros for each that has no runs.

    They reach from the first time, or the first entry, to before ``end``, or to the last entry.
    With more than 400 periods nothing is added.
    """
    position, value = _SCALES[key]
    found = {getattr(entry, key): entry for entry in entries}
    periods = [position(period) for period in found if period is not None]
    if first is not None:
        periods.append(position(first.date()))
    if end is not None:
        periods.append(position(_last_day(end)))
    if not periods or max(periods) - min(periods) >= _MOST:
        return list(entries)
    wanted = [value(one) for one in range(min(periods), max(periods) + 1)]
    timeless = [entry for entry in entries if getattr(entry, key) is None]
    return [found.get(one) or RunStatistics(**{key.value: one}) for one in wanted] + timeless


def _last_day(end: datetime) -> date:
    """Return the day of the last moment before ``end``."""
    is_midnight = end.time() == time.min
    return date.fromordinal(max(end.toordinal() - is_midnight, 1))

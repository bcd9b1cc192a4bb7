"""By what runs are counted together: as SQL, and as the values of an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping

from tandem_store.clock import EPOCH
from tandem_store.database.damaged_rows import RowTypes
from tandem_store.database.dialect import month_of
from tandem_store.month import MILLISECONDS_PER_DAY, Month
from tandem_store.records.statistics_keys import PERIODS, StatisticsKey, StatisticsTime
from tandem_store.runs.conditions import ColumnRef
from tandem_store.tables import runs

#: The fields of an entry for each key that is no period; they are columns of ``runs``, too.
_COLUMNS: Final[Mapping[StatisticsKey, tuple[str, ...]]] = {
    StatisticsKey.AUTOMATION: ("automation_id",),
    StatisticsKey.TENANT: ("org_id", "workspace_id", "deployment_id"),
    StatisticsKey.TRIGGER: ("trigger_type",),
    StatisticsKey.STATUS: ("status",),
    StatisticsKey.PROFILE: ("execution_profile",),
}
_FIRST_DAY: Final = EPOCH.date()
#: 1970 began on a Thursday, three days after the Monday of its first week.
_DAYS_SINCE_MONDAY: Final = 3


def _day_of(at_ms: ColumnElement[Any]) -> ColumnElement[Any]:
    return at_ms // MILLISECONDS_PER_DAY


def _week_of(at_ms: ColumnElement[Any]) -> ColumnElement[Any]:
    return (_day_of(at_ms) + _DAYS_SINCE_MONDAY) // 7


def _day(number: int) -> date:
    return _FIRST_DAY + timedelta(days=number)


def _monday(number: int) -> date:
    return _day(number * 7 - _DAYS_SINCE_MONDAY)


def _month(month: Any) -> Month:
    if isinstance(month, Month):
        return month
    raise TypeError(f"a month {month!r}")


#: For each period the number that the database computes from a time, and what it stands for.
_PERIODS: Final[
    Mapping[str, tuple[Callable[[ColumnElement[Any]], ColumnElement[Any]], Callable[[Any], Any]]]
] = {
    StatisticsKey.DAY: (_day_of, _day),
    StatisticsKey.WEEK: (_week_of, _monday),
    StatisticsKey.MONTH: (month_of, _month),
}


class Groups:
    """The groups that some keys make of runs; periods are those of one time."""

    def __init__(self, keys: Sequence[StatisticsKey], time: StatisticsTime) -> None:
        self.keys = tuple(keys)
        self.time = time
        #: The fields of an entry that say which group it is.
        self.names = tuple(
            name for key in keys for name in ([key.value] if key in PERIODS else _COLUMNS[key])
        )
        self._columns = tuple(name for name in self.names if name not in _PERIODS)
        self._types = RowTypes(runs.c[name] for name in self._columns)
        self._may_be_timeless = bool(runs.c[time.column].nullable)

    def expressions(self, of: ColumnRef, at_ms: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        """Return what the groups differ in, labelled; ``of`` says how columns are referred to."""
        return [
            (_PERIODS[name][0](at_ms) if name in _PERIODS else of(runs.c[name])).label(name)
            for name in self.names
        ]

    def values(self, row: RowMapping) -> dict[str, Any]:
        """Return the fields of an entry that say which group a row is of.

        Raises one of ``DAMAGE`` if the row holds something else.
        """
        self._types.refuse_others([row[name] for name in self._columns])
        return {name: self._value(name, row[name]) for name in self.names}

    def _value(self, name: str, value: Any) -> Any:
        if name not in _PERIODS or (value is None and self._may_be_timeless):
            return value
        return _PERIODS[name][1](value)


def in_order(values: Sequence[Any]) -> tuple[tuple[bool, Any], ...]:
    """Return what the values of groups are sorted by: None comes last."""
    return tuple((value is None, value) for value in values)

"""What the statistics of runs are kept apart by, and the times that they can go by."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, TypeVar

from tandem_store.errors import InvalidFilterError

_Name = TypeVar("_Name", bound=StrEnum)


class StatisticsKey(StrEnum):
    """What runs have in common that are counted together."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    AUTOMATION = "automation"
    TENANT = "tenant"
    TRIGGER = "trigger"
    STATUS = "status"
    PROFILE = "profile"


class StatisticsTime(StrEnum):
    """The time of a run that says which day, week and month it is counted in."""

    CREATED = "created"
    UPDATED = "updated"
    STARTED = "started"
    FINISHED = "finished"

    @property
    def column(self) -> str:
        """The column of ``runs`` with the time."""
        return f"{self.value}_at_ms"


#: The keys that follow from a time. Weeks begin on Monday, and everything is UTC.
PERIODS: Final = frozenset((StatisticsKey.DAY, StatisticsKey.WEEK, StatisticsKey.MONTH))
#: What statistics are kept apart by unless told.
DEFAULT_KEYS: Final = (StatisticsKey.MONTH, StatisticsKey.STATUS)


def statistics_keys(by: str | Iterable[str]) -> tuple[StatisticsKey, ...]:
    """Return the keys with these names, in their order and each once.

    Raises ``InvalidFilterError`` if there is no such key.

    >>> [key.value for key in statistics_keys(["week", "status", "week"])]
    ['week', 'status']
    """
    names = [by] if isinstance(by, str) else by
    return tuple(dict.fromkeys(_known(StatisticsKey, "key", name) for name in names))


def statistics_time(name: str) -> StatisticsTime:
    """Return the time of this name; raises ``InvalidFilterError`` if there is no such time."""
    return _known(StatisticsTime, "time", name)


def _known(names: type[_Name], what: str, name: str) -> _Name:
    try:
        return names(name)
    except ValueError as error:
        raise InvalidFilterError(
            f"Statistics have no {what} {name!r}. There are {', '.join(names)}."
        ) from error

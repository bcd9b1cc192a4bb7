"""The month that a run belongs to: the unit by which documents are partitioned.

Months are computed with integers, because the 64-bit milliseconds of the legacy format go beyond
Python's calendar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

MILLISECONDS_PER_DAY: Final = 86_400_000
#: The last millisecond that a stored time may have: 9999-12-31T23:59:59.999Z.
LAST_MILLISECOND: Final = 253_402_300_799_999

_LABEL = re.compile(r"(\d{4})-(\d{2})")


def civil_month(at_ms: int) -> tuple[int, int]:
    """Return year and month (1 to 12) of a time in milliseconds since 1970, UTC, proleptic.

    Works for any integer, also before year 0 and after year 9999. The algorithm is Howard Hinnant's
    ``civil_from_days`` (https://howardhinnant.github.io/date_algorithms.html).
    """
    days = at_ms // MILLISECONDS_PER_DAY + 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, UTC, from 0001-01 to 9999-12.

    Raises ``ValueError`` outside that range.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.year <= 9999 and 1 <= self.month <= 12):
            raise ValueError(f"{self.year}-{self.month} is not a month from 0001-01 to 9999-12")

    @staticmethod
    def of_ms(at_ms: int) -> Month:
        """Return the month of a time in milliseconds since 1970, UTC."""
        return _month_of_day(at_ms // MILLISECONDS_PER_DAY)

    @classmethod
    def of_key(cls, key: int) -> Self:
        """Return the month that is stored as the integer ``YYYYMM``."""
        return cls(*divmod(key, 100))

    @classmethod
    def parse(cls, label: str) -> Self:
        """Return the month that is written ``YYYY-MM``; raises ``ValueError`` for another text."""
        match = _LABEL.fullmatch(label)
        if match is None:
            raise ValueError(f"{label!r} is not a month; write it as 2026-08")
        return cls(int(match[1]), int(match[2]))

    def later(self, months: int) -> Self:
        """Return the month that is ``months`` months after this one."""
        years, month = divmod(self.month - 1 + months, 12)
        return type(self)(self.year + years, month + 1)

    @property
    def key(self) -> int:
        """The integer ``YYYYMM``, as stored."""
        return self.year * 100 + self.month

    @property
    def label(self) -> str:
        """``YYYY-MM``, for people and JSON."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def suffix(self) -> str:
        """``YYYY_MM``, the ending of the month's table name; sorts as the months do."""
        return f"{self.year:04d}_{self.month:02d}"

    def __str__(self) -> str:
        return self.label

    def __reduce__(self) -> tuple[type[Self], tuple[int, int]]:
        # Ten times as fast as what a frozen dataclass with slots has of its own.
        return type(self), (self.year, self.month)


def require_month(value: object) -> Month:
    """Return a month; raises ``TypeError`` for anything else, such as its text."""
    if isinstance(value, Month):
        return value
    raise TypeError(f"a month is a Month, such as Month.parse('2026-08'), not {value!r}")


@lru_cache(maxsize=4_096)
def _month_of_day(day: int) -> Month:
    """Return the month of a day since 1970; an import asks for few days many times."""
    return Month(*civil_month(day * MILLISECONDS_PER_DAY))

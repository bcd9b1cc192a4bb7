"""Reads times as people type them: a date, a date and time, an age such as ``7d``, or a month."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from tandem_store.month import Month

_AGE: Final = re.compile(r"(\d{1,9})(w|d|h|min|m)")
_LENGTH: Final = re.compile(r"(\d{1,6})(w|d|h|min|s)")
_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "min": "minutes", "s": "seconds"}


class Moment(click.ParamType[datetime | timedelta]):
    """A parameter that is an aware datetime, or an age as a timedelta."""

    name = "time"

    def convert(
        self,
        value: str | datetime | timedelta,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime | timedelta:
        """Read ``2026-08-01``, ``2026-08-01T12:00:00Z`` or ``7d``; without a zone it is UTC."""
        if not isinstance(value, str):
            return value
        try:
            age = _AGE.fullmatch(value)
            if age and age[2] == "m":
                self.fail(
                    f"{value!r} may mean months or minutes. Write {age[1]}min, or days as in 60d.",
                    param,
                    ctx,
                )
            if age:
                return timedelta(**{_UNITS[age[2]]: int(age[1])})
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is not a time. Write 2026-08-01, 2026-08-01T12:00:00Z, 2w, 7d, 12h "
                "or 30min.",
                param,
                ctx,
            )


class Length(click.ParamType[timedelta]):
    """A parameter that is a length of time, such as ``90s`` or ``2h``."""

    name = "length"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read a number and a unit: seconds, minutes, hours, days or weeks."""
        if isinstance(value, timedelta):
            return value
        found = _LENGTH.fullmatch(value)
        if found is None:
            self.fail(
                f"{value!r} is not a length of time. Write 90s, 30min, 2h, 7d or 2w.", param, ctx
            )
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class MonthName(click.ParamType[Month]):
    """A parameter that is a month, such as ``2026-08``."""

    name = "month"

    def convert(
        self, value: str | Month, param: click.Parameter | None, ctx: click.Context | None
    ) -> Month:
        """Read a year and a month."""
        if isinstance(value, Month):
            return value
        try:
            return Month.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def resolve(moment: datetime | timedelta | None, now: datetime) -> datetime | None:
    """Return the datetime that is meant at ``now``. Raises a usage error before the year 1."""
    if not isinstance(moment, timedelta):
        return moment
    try:
        return now - moment
    except OverflowError as error:
        raise click.UsageError(
            f"{moment.days:,} days ago is before the calendar begins."
        ) from error

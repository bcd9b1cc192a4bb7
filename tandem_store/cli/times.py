"""Times as people type them: a date, a date and time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

_AGO: Final = re.compile(r"(\d{1,9})(w|d|h|min|m)")
_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "min": "minutes"}


class Moment(click.ParamType[datetime | timedelta]):
    """An aware datetime, or the timedelta that a time lies before now."""

    name = "time"

    def convert(
        self,
        value: str | datetime | timedelta,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime | timedelta:
        """Read ``2026-08-01``, ``2026-08-01T12:00:00+02:00``, ``7d``, ``30min``; no zone is UTC."""
        if not isinstance(value, str):
            return value
        try:
            ago = _AGO.fullmatch(value)
            if ago and ago[2] == "m":
                self.fail(
                    f"{value!r} may mean months or minutes. Write {ago[1]}min, or days as in 60d.",
                    param,
                    ctx,
                )
            if ago:
                return timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is not a time. Write 2026-08-01, 2026-08-01T12:00:00Z, 2w, 7d, 12h "
                "or 30min.",
                param,
                ctx,
            )


def resolve(moment: datetime | timedelta | None, now: datetime) -> datetime | None:
    """The datetime that is meant, seen from ``now``; raises a usage error before the year 1."""
    if not isinstance(moment, timedelta):
        return moment
    try:
        return now - moment
    except OverflowError as error:
        raise click.UsageError(
            f"{moment.days:,} days ago is before the calendar begins."
        ) from error

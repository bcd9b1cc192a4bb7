"""The clock of this process, and times as Python has them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """Return the milliseconds since 1970, UTC.

    For a clock that all processes on one database share, see ``database.dialect.now_ms``.
    """
    return time.time_ns() // 1_000_000


def aware_datetime(at_ms: int | None) -> datetime | None:
    """Return the time in UTC; ``None`` for ``None`` and for times after the year 9999.

    ``at_ms`` is in milliseconds since 1970, UTC. Python's calendar ends with the year 9999.
    """
    if at_ms is None:
        return None
    try:
        return EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None


def milliseconds(at: datetime) -> int:
    """Return a time in whole milliseconds since 1970, UTC."""
    return (at - EPOCH) // timedelta(milliseconds=1)

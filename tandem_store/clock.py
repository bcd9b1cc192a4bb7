"""The clock of this process."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Return the milliseconds since 1970, UTC.

    For a clock that all processes on one database share, see ``database.dialect.now_ms``.
    """
    return time.time_ns() // 1_000_000

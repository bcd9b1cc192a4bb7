"""How long we wait for others, and a line in the log when that was long."""

from __future__ import annotations

import logging
import time
from typing import Final

#: Seconds that a statement, a commit or a turn waits for others that use the database.
BUSY_TIMEOUT_S: Final = 30
#: Seconds; longer waits are logged.
LONG_WAIT_S: Final = 1.0

_log: Final = logging.getLogger(__name__)


class LogLongWait:
    """A ``with`` block that waits for ``what``; logs how long if it took over a second.

    Not a generator, because every transaction on SQLite enters one.
    """

    __slots__ = ("_began", "_what")

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if (waited := time.monotonic() - self._began) > LONG_WAIT_S:
            _log.info("waited %.1f s for %s", waited, self._what)

"""How long, and in which order, one waits for a database that others are using."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tandem_store.errors import StoreLockedError

#: How long a statement waits for another process, in seconds.
BUSY_TIMEOUT_S: Final = 30


class Turns:
    """Who of the threads of a process may write, one at a time, first come first served.

    SQLite lets whoever waits for a lock look again now and then, so that some of many are passed
    over until their patience is at its end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._queue: deque[threading.Event] = deque()

    @contextmanager
    def one(self) -> Iterator[None]:
        """A turn, after those who came before. It may end in another thread than it began in.

        Raises ``StoreLockedError`` after 30 seconds.
        """
        self._begin()
        try:
            yield
        finally:
            self._end()

    def _begin(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._queue.append(mine)
        try:
            called = mine.wait(BUSY_TIMEOUT_S)
        except BaseException:
            if not self._left(mine):
                self._end()
            raise
        if not called and self._left(mine):
            raise StoreLockedError(
                "Other threads of this process are using the database. Keep writing transactions "
                "short, or try again."
            )

    def _end(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._taken = False

    def _left(self, mine: threading.Event) -> bool:
        """Leave the queue; False if the turn came meanwhile."""
        with self._lock:
            if mine.is_set():
                return False
            self._queue.remove(mine)
            return True

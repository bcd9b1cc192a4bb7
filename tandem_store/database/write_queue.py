"""How long, and in which order, one waits for a database that others are using."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import Final

from tandem_store.database.locks import noted
from tandem_store.errors import StoreLockedError

#: How long a statement waits for another process, in seconds.
BUSY_TIMEOUT_S: Final = 30

_here: Final = threading.local()


def this_thread() -> object:
    """Stands for the calling thread; the system gives a thread's number to others later."""
    try:
        token: object = _here.token
    except AttributeError:
        _here.token = token = object()
    return token


class Turns:
    """Who of the threads of a process may write, one at a time, first come first served.

    SQLite lets whoever waits for a lock look again now and then, so that some of many are passed
    over until their patience is at its end.

    A turn is an event, whoever made it. The first in the queue has its turn.
    """

    def __init__(self) -> None:
        # Reentrant, because a forgotten transaction may give its turn back at any moment.
        self._lock = threading.RLock()
        self._queue: deque[threading.Event] = deque()

    def take(self, turn: threading.Event) -> None:
        """Wait until those who came before are done; ``give_back`` it whatever comes of it.

        Raises ``StoreLockedError`` after 30 seconds.
        """
        with self._lock:
            self._queue.append(turn)
            if self._queue[0] is turn:
                return
        with noted("other threads of this process, which are writing"):
            turn.wait(BUSY_TIMEOUT_S)
        if not turn.is_set():
            raise StoreLockedError(
                "Other threads of this process are using the database. Keep writing transactions "
                "short, or try again."
            )

    def give_back(self, turn: threading.Event) -> None:
        """Let the next one in, or leave the queue. May be done twice, and by another thread."""
        with self._lock:
            with suppress(ValueError):
                self._queue.remove(turn)
            if self._queue:
                self._queue[0].set()

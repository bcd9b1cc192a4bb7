"""The order in which the threads of one process write to an SQLite file."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import Final

from tandem_store.database import waiting
from tandem_store.database.waiting import LogLongWait
from tandem_store.errors import StoreLockedError

_thread: Final = threading.local()


def thread_token() -> object:
    """Return an object that stands for the calling thread alone.

    The number of a thread does not: the system reuses it when the thread has ended.
    """
    try:
        token: object = _thread.token
    except AttributeError:
        _thread.token = token = object()
    return token


class WriteQueue:
    """Lets one thread of a process write at a time, first come, first served.

    SQLite alone lets waiting threads try again now and then, so that with many of them some are
    passed over until their 30 seconds are over. A pool of one connection (``QueuePool`` with
    ``pool_size=1``) would make them wait, too, but it does not hand over in order either: a thread
    that asks at the right moment overtakes those that wait.

    A ticket is an event that the thread made. It is set when the thread may write.
    """

    def __init__(self) -> None:
        # Reentrant, because a forgotten transaction may leave the queue at any moment.
        self._lock = threading.RLock()
        self._tickets: deque[threading.Event] = deque()

    def enter(self, ticket: threading.Event) -> None:
        """Queue up and wait for those ahead; whatever happens, ``leave`` must be called.

        Raises ``StoreLockedError`` after 30 seconds.
        """
        with self._lock:
            self._tickets.append(ticket)
            if self._tickets[0] is ticket:
                return
        with LogLongWait("other threads of this process, which are writing"):
            ticket.wait(waiting.BUSY_TIMEOUT_S)
        if not ticket.is_set():
            raise StoreLockedError(
                "Other threads of this process are using the database. Keep writing transactions "
                "short, or try again."
            )

    def leave(self, ticket: threading.Event) -> None:
        """Leave the queue and let the next thread write. May be called twice, by any thread."""
        with self._lock:
            with suppress(ValueError):
                self._tickets.remove(ticket)
            if self._tickets:
                self._tickets[0].set()

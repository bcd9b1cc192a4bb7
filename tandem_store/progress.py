"""How long work reports what it has done so far."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that is called from time to time while work goes on.

    ``phase`` names what is being done, in a word or two for people, such as ``reading``. ``done``
    and ``total`` are counted in whatever the phase works through: bytes of a source, runs, rows or
    pages. ``total`` may grow from one call to the next, and ``done`` never exceeds it.
    """

    def __call__(self, phase: str, done: int, total: int, /) -> None:
        """Take note; should return quickly, because the work waits."""


def ignore_progress(_phase: str, _done: int, _total: int, /) -> None:
    """Do nothing: the ``Progress`` for callers who did not ask for one."""

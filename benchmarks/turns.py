"""Taking turns, so that a slow minute of the machine hits every subject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_turns(subjects: Sequence[T], rounds: int) -> Iterator[T]:
    """Yield every subject once a round: forwards, then backwards, then forwards again.

    Whoever comes second finds what the first has left in the caches; every other round it is the
    other way round.
    """
    for number in range(rounds):
        yield from subjects if number % 2 == 0 else reversed(subjects)

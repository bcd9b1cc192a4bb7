"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

#: Called with the phase, how much is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """What to call with progress; None if nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    texts = TextColumn("{task.description}"), TextColumn("{task.percentage:>3.0f} %")
    bar = Progress(
        texts[0], BarColumn(), texts[1], TimeRemainingColumn(), console=Console(stderr=True)
    )
    phases: dict[str, TaskID] = {}

    def show(phase: str, done: int, total: int) -> None:
        if phase not in phases:
            phases[phase] = bar.add_task(phase, total=total)
        bar.update(phases[phase], completed=done, total=total)

    with bar:
        yield show

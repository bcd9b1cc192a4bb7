"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from tandem_store.cli import verbosity

#: Called with the phase, how much is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """What to call with progress; None if nobody would see it, or log lines tell it.

    A phase is done when the next one begins or the block ends without an exception, whatever was
    counted by then: what a phase passed over is not counted.
    """
    if not sys.stderr.isatty() or verbosity.is_verbose():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        # rich's own colour of an unfinished bar is a red that looks like an error.
        BarColumn(complete_style="cyan", finished_style="green"),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    phases: dict[str, TaskID] = {}

    def finish() -> None:
        for task in bar.tasks:
            # Nothing to do is 0 %, to rich.
            total = task.total or 1
            bar.update(task.id, completed=total, total=total)

    def show(phase: str, done: int, total: int) -> None:
        if phase not in phases:
            finish()
            phases[phase] = bar.add_task(phase, total=total)
        bar.update(phases[phase], completed=done, total=total)

    with bar:
        yield show
        finish()

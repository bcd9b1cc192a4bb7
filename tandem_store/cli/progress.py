"""Shows a progress bar on stderr."""

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
    """Yield a function that shows progress, or None without a terminal or with ``--verbose``.

    A phase is complete when the next one begins, or when the block ends without an exception. Its
    count may be lower then, because what a phase skips is not counted.
    """
    if not sys.stderr.isatty() or verbosity.is_verbose():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        # rich shows an unfinished bar in a red that looks like an error.
        BarColumn(complete_style="cyan", finished_style="green"),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    phases: dict[str, TaskID] = {}

    def finish() -> None:
        for task in bar.tasks:
            # rich takes a total of 0 for 0 %.
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

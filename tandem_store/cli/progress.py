"""Shows a progress bar on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from tandem_store.cli import output, verbosity

#: Called with the phase, how much is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]
#: Seconds between two lines about a long phase.
_BETWEEN_S: Final = 5.0


@contextmanager
def bar_or_lines() -> Iterator[Progress]:
    """Yield a function that shows progress: by a bar, or by a line every five seconds."""
    with progress_bar() as progress:
        yield progress or _in_lines(time.monotonic())


def _in_lines(began: float) -> Progress:
    shown, phases = began, {""}

    def show(phase: str, done: int, total: int) -> None:
        nonlocal began, shown
        now = time.monotonic()
        if phase not in phases:
            phases.add(phase)
            began = shown = now
        elif now - shown >= _BETWEEN_S and done:
            left = (now - began) / done * (total - done)
            output.print_note(f"{phase}: {done:,} of {total:,}, about {left:,.0f} s left")
            shown = now

    return show


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

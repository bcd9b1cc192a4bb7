"""Parser processes feeding one writer, in the order in which the work was given out."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final

from tandem_store.errors import StoreError
from tandem_store.importer.copies import Reading
from tandem_store.importer.parsing import Piece, copies_of_pieces, read_file
from tandem_store.importer.source.kinds import SourceFile

#: Bytes; up to this size a source is read before a parser process has even started.
_SMALL: Final = 16 * 1024 * 1024
#: How many tasks per process wait or run at once; more only costs memory.
_AHEAD: Final = 8


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one parser: whole small files, or pieces of one large file.

    ``of`` is the reading that the pieces' copies belong to.
    """

    files: list[SourceFile] = field(default_factory=list)
    of: Reading | None = None
    pieces: list[Piece] = field(default_factory=list)


def jobs_for(total_bytes: int) -> int:
    """How many parser processes are worth it for so many bytes: one per core, or none."""
    return 1 if total_bytes <= _SMALL else os.cpu_count() or 1


def perform(root: Path, task: Task) -> list[Reading]:
    """Do one task."""
    readings = [read_file(root, file) for file in task.files]
    if task.of is not None:
        copies = copies_of_pieces(task.of.file, task.pieces)
        readings.append(replace(task.of, copies=[*task.of.copies, *copies]))
    return readings


def perform_all(root: Path, tasks: Iterator[Task], jobs: int) -> Iterator[Reading]:
    """Do all tasks with ``jobs`` processes (1: in this one), in order.

    Raises ``StoreError`` when a parser process was killed.
    """
    if jobs < 2:
        for task in tasks:
            yield from perform(root, task)
        return
    # Not forked: a copy of a process that holds threads and database connections may hang.
    with _undisturbed():
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_start)
    try:
        for reading in _in_order(pool, root, tasks, jobs * _AHEAD):
            yield from reading
    except BrokenProcessPool as error:
        raise StoreError(
            "A parser process was killed, perhaps for lack of memory. "
            "Run the import again, with a smaller --jobs; it goes on where it stopped."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, root: Path, tasks: Iterator[Task], ahead: int
) -> Iterator[list[Reading]]:
    window: deque[Future[list[Reading]]] = deque()
    for task in tasks:
        with _undisturbed():  # the pool begins its processes as tasks come in
            window.append(pool.submit(perform, root, task))
        if len(window) >= ahead:
            yield window.popleft().result()
    while window:
        yield window.popleft().result()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold interrupts back for the block, from the processes that it begins too.

    Ctrl-C at a terminal reaches them all. A process that is only beginning would end with a
    traceback, and so would one that its parent leaves half-way. What came meanwhile is raised
    afterwards.
    """
    came: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    # The mask is what processes begin with; the handler is for a signal that another thread takes.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    before = (
        signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if is_main else None
    )
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if came:
            signal.raise_signal(signal.SIGINT)


def _start() -> None:
    """Leave interrupts to the parent, and end when it is gone, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

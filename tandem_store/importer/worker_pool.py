"""The work of an import's parsers, and the processes that do it.

Files are grouped into tasks: small ones together, a large one in parts. However many processes
parse, what they read comes back in the order of the tasks, so that one writer can store it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import forkserver, get_all_start_methods, get_context, parent_process
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Final

from tandem_store.errors import StoreError
from tandem_store.importer.copies import FileToRead, Reading
from tandem_store.importer.parsing import Piece, copies_of_pieces, read_file
from tandem_store.importer.source.kinds import Layout

#: Bytes; up to this size a source is read before a parser process has even started.
_SMALL: Final = 16 * 1024 * 1024
#: How many tasks per process wait or run at once; more only costs memory.
_AHEAD: Final = 8
#: Files and bytes of one task of small files.
_FILES_TOGETHER: Final = 64
_BYTES_TOGETHER: Final = 2 * 1024 * 1024
_FORK_SERVER: Final = "forkserver"
#: Imported by name, and only there, because it takes a moment.
_PRELOADED: Final = "tandem_store.importer.preload"


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one parser: complete small files, or pieces of one large file.

    ``part`` is the reading that the copies in the pieces belong to; it may have some already.
    """

    files: list[FileToRead] = field(default_factory=list)
    part: Reading | None = None
    pieces: list[Piece] = field(default_factory=list)


def tasks_for(
    files: Iterable[FileToRead], cut: Callable[[FileToRead], Iterator[Task]]
) -> Iterator[Task]:
    """Yield the tasks for files, in their order; ``cut`` makes those of a file of many runs."""
    small: list[FileToRead] = []
    size = 0
    for file in files:
        if file.layout is Layout.RUNS:
            yield from cut(file)
            continue
        small.append(file)
        size += file.size
        if len(small) >= _FILES_TOGETHER or size >= _BYTES_TOGETHER:
            yield Task(files=small)
            small, size = [], 0
    if small:
        yield Task(files=small)


def jobs_for(wanted: int | None, total_bytes: int) -> int:
    """Return in how many processes so many bytes are parsed: as many as are wanted.

    ``None`` stands for one for each core, or 1, which is this process, if starting others would
    take longer.
    """
    if wanted is not None:
        return wanted
    return 1 if total_bytes <= _SMALL else os.cpu_count() or 1


def prepare(jobs: int) -> None:
    """Begin to load what ``jobs`` parser processes need, so that it is there when they are started.

    Nothing happens for one job, which is this process.
    """
    if jobs < 2:
        return
    context = _context()
    if context.get_start_method() == _FORK_SERVER:
        context.set_forkserver_preload([_PRELOADED])
        with _uninterrupted():
            forkserver.ensure_running()


def _context() -> BaseContext:
    """Return how parser processes are started.

    Not forked from this process: a copy of one with threads and database connections may hang.
    They are forked from a process that has neither, but has loaded what they need; where there is
    no such thing, on Windows, each of them loads it for itself.
    """
    has_server = _FORK_SERVER in get_all_start_methods()
    return get_context(_FORK_SERVER if has_server else "spawn")


def perform(root: Path, task: Task) -> list[Reading]:
    """Do one task."""
    readings = [read_file(root, file) for file in task.files]
    if task.part is not None:
        copies = copies_of_pieces(task.part.file, task.pieces)
        readings.append(task.part._replace(copies=[*task.part.copies, *copies]))
    return readings


def perform_all(root: Path, tasks: Iterator[Task], jobs: int) -> Iterator[Reading]:
    """Do all tasks in ``jobs`` processes (1: in this one) and yield what they read, in order.

    Raises ``StoreError`` when a parser process was killed.
    """
    if jobs < 2:
        for task in tasks:
            yield from perform(root, task)
        return
    with _uninterrupted():
        pool = ProcessPoolExecutor(jobs, mp_context=_context(), initializer=_start)
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
        with _uninterrupted():  # the pool starts its processes as tasks come in
            window.append(pool.submit(perform, root, task))
        if len(window) >= ahead:
            yield window.popleft().result()
    while window:
        yield window.popleft().result()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back interrupts during the block, also from the processes that it starts.

    Ctrl-C at a terminal reaches all of them. A process that is only starting would end with a
    traceback, and so would one that its parent abandons half-way. An interrupt that came meanwhile
    is raised afterwards.
    """
    came: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    # New processes inherit the mask; the handler is for a signal that another thread receives.
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
    """Leave interrupts to the parent, and end when the parent has ended, for whatever reason."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

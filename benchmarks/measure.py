"""Run a command in its own process and see how long it took and how much memory it held."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

#: Asking is not free: it takes processor time from the processes that are asked.
_SAMPLE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run of a command cost; memory is the highest sum over its whole process tree."""

    #: From start to exit, interpreter start included.
    seconds: float
    #: Bytes resident, pages of mapped files and shared pages counted once per process.
    resident: int
    #: Bytes that belong to one process alone: what ending the processes would free.
    private: int
    #: What the command wrote to standard output.
    output: str


class CommandFailedError(RuntimeError):
    """The measured command did not exit with 0, so its time means nothing."""


def measure(command: Sequence[str]) -> Measurement:
    """Run ``command`` to its end.

    Raises:
        CommandFailedError: it exited with another code than 0; carries its standard error.
    """
    resident = private = 0
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        root = psutil.Process(process.pid)
        while True:
            try:
                output, errors = process.communicate(timeout=_SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                now_resident, now_private = _memory(root)
                resident, private = max(resident, now_resident), max(private, now_private)
        seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise CommandFailedError(f"{' '.join(command)} exited {process.returncode}:\n{errors}")
    return Measurement(seconds, resident, private, output)


def _memory(root: psutil.Process) -> tuple[int, int]:
    resident = private = 0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for process in tree:
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # Ended between listing and asking; its memory is gone with it.
        resident += memory.rss
        private += memory.uss
    return resident, private

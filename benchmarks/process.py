"""Run a command in its own process, and see what it cost."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

#: Reading two numbers of each process costs some microseconds; peaks last longer than this.
_SAMPLE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command cost, with all processes that it started."""

    #: From start to exit, interpreter start included.
    seconds: float
    #: Processor time of the command and of every process that it waited for.
    cpu: float
    #: The most bytes that were resident at once; shared pages count once for each process.
    resident: int
    #: The same without pages of files and shared memory.
    anonymous: int
    #: What the command wrote to standard output.
    output: str


class CommandFailedError(RuntimeError):
    """The measured command did not exit with 0, so its time means nothing."""


def environment() -> dict[str, str]:
    """Return the environment of a measured command: this one, but with compiled modules kept.

    Without them each start compiles a few hundred modules, which no installation does.
    """
    left_out = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "TANDEM_STORE_URL")
    return {name: value for name, value in os.environ.items() if name not in left_out}


def run(command: Sequence[str], folder: Path) -> Cost:
    """Run ``command`` to its end, in ``folder``.

    Raises:
        CommandFailedError: it exited with another code than 0; carries its standard error.
    """
    resident = anonymous = 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        root = psutil.Process(process.pid)
        while True:
            try:
                output, errors = process.communicate(timeout=_SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                now_resident, now_anonymous = _memory(root)
                resident, anonymous = max(resident, now_resident), max(anonymous, now_anonymous)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise CommandFailedError(f"{' '.join(command)} exited {process.returncode}:\n{errors}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(seconds, cpu, resident, anonymous, output)


def _memory(root: psutil.Process) -> tuple[int, int]:
    """Return what is resident in a process and its descendants, and what of it is anonymous."""
    resident = anonymous = 0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for process in tree:
        try:
            memory = process.memory_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # Ended between listing and asking; its memory is gone with it.
        resident += memory.rss
        # Only Linux says how much is shared; elsewhere anonymous is as much as resident.
        anonymous += memory.rss - getattr(memory, "shared", 0)
    return resident, anonymous

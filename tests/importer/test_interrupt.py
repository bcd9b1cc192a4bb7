"""Ctrl-C at a terminal, which reaches the import and its parser processes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from benchmarks.workload import Workload
from tandem_store.importer import worker_pool
from tests.support.state_directories import StateDir

#: The last line of what is said before the work begins.
BEFORE: Final = b"The source is only read.\n"


@pytest.fixture(scope="module")
def some_megabytes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards for a second or two."""
    state = StateDir(tmp_path_factory.mktemp("interrupt") / "state")
    for run in Workload(seed=4, months=2).runs(1_000):
        state.shard(run)
    return state.root


@pytest.mark.parametrize("written", [0, 100_000, 1_500_000])
def test_only_one_sentence_is_said_whenever_it_comes(
    some_megabytes: Path, tmp_path: Path, written: int
) -> None:
    """No traceback of a parser process; when the first is there, or so many bytes are written."""
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    importing = ["--db", url, "import", str(some_megabytes), "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tandem_store", *importing],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    children = parsers_of(process)
    while process.poll() is None and bytes_in(tmp_path) < written:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)

    _, _, said = stderr.partition(BEFORE)
    assert process.returncode == 130, stderr
    assert said.startswith(b"Error: Interrupted. To continue: tandem-store ")
    assert said.count(b"\n") == 1
    assert stdout == b""
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def bytes_in(folder: Path) -> int:
    """How much the import has written: its files come and go."""
    sizes = 0
    for path in folder.glob("runs.db*"):
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def parsers_of(process: subprocess.Popen[bytes]) -> list[Any]:
    """The parser processes, as soon as there is one."""
    while process.poll() is None:
        found = [child for child in children_of(process) if is_parser(child)]
        if found:
            return found
        time.sleep(0.001)
    raise AssertionError(process.communicate())


def children_of(process: subprocess.Popen[bytes]) -> list[Any]:
    """All processes that it began and that are there."""
    try:
        return list(psutil.Process(process.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def is_parser(child: Any) -> bool:
    """Whether it is of the pool, and not the one that they are forked from."""
    try:
        return all(
            any("forkserver" in word for word in process.cmdline())
            for process in (child, child.parent())
        )
    except (psutil.NoSuchProcess, AttributeError):
        return False  # it has ended, or its parent has


def test_an_interrupt_that_is_held_back_comes_afterwards() -> None:
    """It is not lost, and the old handler and mask are back. In a process that it may end."""
    program = """
import os, signal
from tandem_store.importer import worker_pool
before, ended = signal.getsignal(signal.SIGINT), []
try:
    with worker_pool._uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        ended.append("whole")
except KeyboardInterrupt:
    ended.append("interrupted")
assert ended == ["whole", "interrupted"], ended
assert signal.getsignal(signal.SIGINT) is before
assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_a_thread_that_is_not_the_main_one_may_import() -> None:
    """Only the main thread may set handlers; another has no need to."""
    ended: list[str] = []

    def work() -> None:
        with worker_pool._uninterrupted():
            ended.append("whole")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert ended == ["whole"]

"""An import that is killed starts again where it was and ends as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from benchmarks.workload import Workload
from tests.support.databases import NewStore
from tests.support.importing import imported
from tests.support.state_directories import Json, StateDir, stripped
from tests.support.stored import bare_connection, dump

ENTRIES: Final = "SELECT count(*) FROM import_entries"
#: Each tenth run is in the hot file as well, stripped and newer, so that there is much to settle.
HOT_EVERY: Final = 10
#: Small batches, so that an import of a few hundred shards has moments to be killed at. It stops
#: when the ledger has so many rows, and waits to be killed: whoever watches it may be slow.
SMALL_BATCHES: Final = """
import os, signal, sys
from pathlib import Path
from tandem_store.importer import ImportOptions, import_state, storing
url, state, at = sys.argv[1:]
write, written = storing._Batch.write, 0
def counted(batch):
    global written
    write(batch)
    written += len(batch._copies)
flush = storing.Writer.flush
def stopping(writer):
    flush(writer)
    if written >= int(at):
        os.kill(os.getpid(), signal.SIGSTOP)
storing._Batch.write, storing.Writer.flush = counted, stopping
import_state(url, Path(state), ImportOptions(jobs=2, batch=10))
"""


Command = Callable[[str, Path, int], list[str]]


def in_small_batches(url: str, state: Path, at: int) -> list[str]:
    """The command that imports by the library, ten copies a transaction, and stops on its way."""
    return [sys.executable, "-c", SMALL_BATCHES, url, str(state), str(at)]


def command_line(url: str, state: Path, _at: int = 0) -> list[str]:
    """The command that an operator types."""
    importing = ["--db", url, "import", str(state), "--jobs", "2"]
    return [sys.executable, "-m", "tandem_store", *importing]


def resume_in_small_batches(url: str, state: Path) -> None:
    """Go on in this process, without parser processes: nothing but the database is handed on."""
    imported(url, state, batch=10)


def resume_by_command(url: str, state: Path) -> None:
    """Type the same command again."""
    subprocess.run(command_line(url, state), check=True, capture_output=True, timeout=600)


def test_killed_at_two_moments_and_resumed(tmp_path: Path, new_store: NewStore) -> None:
    """200 shards in batches of ten: each kill falls between the first and the last ledger row."""
    state = lay(tmp_path / "state", 200)

    assert_same_dump_after_kills(
        in_small_batches, resume_in_small_batches, state, new_store, moments=2
    )


@pytest.mark.slow
def test_the_command_killed_at_ten_moments_and_resumed(tmp_path: Path, new_store: NewStore) -> None:
    """5,000 shards by the command line, in its own batches."""
    state = lay(tmp_path / "state", 5_000)

    assert_same_dump_after_kills(command_line, resume_by_command, state, new_store, moments=10)


def assert_same_dump_after_kills(
    command: Command,
    resume: Callable[[str, Path], None],
    state: Path,
    new_store: NewStore,
    *,
    moments: int,
) -> None:
    """Import once in peace, then once per moment with a kill, and compare."""
    peaceful = new_store()
    resume(peaceful, state)
    total, expected = ledger_rows(peaceful), dump(peaceful)

    for moment in range(1, moments + 1):
        url = new_store()
        at = moment * total // (moments + 1)
        survived = kill(command(url, state, at), url, at=at)
        assert 0 < survived < total, f"moment {moment}: {survived} of {total} rows"

        resume(url, state)

        assert ledger_rows(url) == total
        assert dump(url) == expected


def kill(command: list[str], url: str, *, at: int) -> int:
    """Kill an import when the ledger has ``at`` rows; returns how many it has afterwards.

    0 if the import was done before the signal reached it, which is no kill at all.
    """
    children: list[psutil.Process] = []
    with (
        bare_connection(url) as database,
        subprocess.Popen(command, stdout=DEVNULL, stderr=DEVNULL) as process,
    ):
        while process.poll() is None and single(database, ENTRIES) < at:
            time.sleep(0.001)
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == [], "parser processes outlive the import that they parse for"
    return 0 if is_done(url) else ledger_rows(url)


def lay(root: Path, count: int) -> Path:
    """A directory of shards, some of them with a stripped copy in the hot file."""
    state = StateDir(root)
    hot: dict[str, Json] = {}
    for number, run in enumerate(Workload(seed=3, months=4).runs(count)):
        state.shard(run)
        if number % HOT_EVERY == 0:
            hot[run["run_id"]] = stripped(run, updated_at_ms=run["updated_at_ms"] + 1)
    state.hot(hot)
    return root


def ledger_rows(url: str) -> int:
    """How many copies are in the ledger."""
    with bare_connection(url) as database:
        return single(database, ENTRIES)


def is_done(url: str) -> bool:
    """Whether the import came to its end."""
    with bare_connection(url) as database:
        return single(database, "SELECT count(*) FROM imports WHERE state = 'done'") > 0


def single(database: Any, query: str) -> int:
    """The number that a query gives."""
    return int(database.execute(query).fetchone()[0])

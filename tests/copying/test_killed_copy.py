"""A copy that is killed starts again where it was and ends as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from subprocess import DEVNULL
from typing import Final

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from tandem_store import UnfinishedCopyError, open_store, tables
from tandem_store.copying import copy_store
from tandem_store.database.engines import create_engines
from tandem_store.errors import StoreError
from tests.support.databases import NewDatabase
from tests.support.stored import all_rows, dump

#: Small batches, so that a copy of some hundred rows has moments to be killed at. With a number it
#: kills itself when it has been told of progress so often; with a pace it waits so many seconds
#: each time, so that whoever watches it is not too slow.
SMALL_BATCHES: Final = """
import os, signal, sys, time
from tandem_store.copying import copy_store
from tandem_store.copying.parts import Batch
calls = 0
def count(*_):
    global calls
    calls += 1
    time.sleep(float(sys.argv[4]))
    if str(calls) == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
copy_store(sys.argv[1], sys.argv[2], batch=Batch(rows=4), progress=count)
"""
WAYS: Final = ["sqlite postgresql", "postgresql sqlite", "sqlite sqlite"]


def small_batches(source: str, target: str, *, suicide: int = 0, pace: float = 0.0) -> list[str]:
    """The command that copies four rows a transaction."""
    return [sys.executable, "-c", SMALL_BATCHES, source, target, str(suicide), str(pace)]


def command_line(source: str, target: str) -> list[str]:
    """The command that an operator types."""
    return [sys.executable, "-m", "tandem_store", "copy", "--from", source, "--to", target]


@pytest.fixture(params=WAYS)
def ends(
    request: pytest.FixtureRequest, source_url: str, new_database_on: NewDatabase
) -> tuple[str, str]:
    """A full source and a new target, of these kinds."""
    kind, target = request.param.split()
    if kind == "sqlite":
        return source_url, new_database_on(target)
    copied = new_database_on(kind)
    copy_store(source_url, copied)
    return copied, new_database_on(target)


def test_killed_again_and_again_between_batches(ends: tuple[str, str]) -> None:
    """Each time a little further on, until it ends by itself; half-way nobody gets in."""
    source, target = ends
    kills = 0
    for suicide in (1, 25, 60):
        done = subprocess.run(small_batches(source, target, suicide=suicide), stderr=DEVNULL)
        if done.returncode != -signal.SIGKILL:
            break
        kills += 1
        with pytest.raises(UnfinishedCopyError):
            open_store(target)

    subprocess.run(command_line(source, target), check=True, stdout=DEVNULL, timeout=120)

    assert kills >= 2
    assert dump(target) == dump(source)
    assert all_rows(target) == all_rows(source)


@pytest.mark.parametrize(
    "share",
    [pytest.param(0.0, marks=pytest.mark.slow), 0.3, pytest.param(0.95, marks=pytest.mark.slow)],
)
def test_killed_at_any_moment(ends: tuple[str, str], share: float) -> None:
    """Also within a transaction, as the parent sees the rows grow."""
    source, target = ends
    runs = len(all_rows(source)["runs"])
    copying = small_batches(source, target, pace=0.005)
    with subprocess.Popen(copying, stderr=DEVNULL) as process:
        while process.poll() is None and _runs(target) < share * runs:
            time.sleep(0.001)
        # So that it falls into the middle of what comes next, not where the look took place.
        time.sleep(0.002 + 0.3 * (share == 0))
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL

    subprocess.run(command_line(source, target), check=True, stdout=DEVNULL, timeout=120)

    assert dump(target) == dump(source)
    assert all_rows(target) == all_rows(source)


def _runs(url: str) -> int:
    """How many runs are in a database that may have no tables yet."""
    engines = create_engines(url)
    try:
        with engines.read.connect() as connection:
            return connection.execute(select(func.count()).select_from(tables.runs)).scalar_one()
    except (DBAPIError, StoreError):
        return 0
    finally:
        engines.dispose()

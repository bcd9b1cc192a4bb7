"""A backup that is taken while processes write is the store at one moment."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tandem_store import open_store
from tandem_store.backup import backup_store, restore_store
from tests.support import REPOSITORY
from tests.support.run_records import new_run

#: Adds two runs in each transaction and counts on in a third that all writers share; every number
#: that it has printed is stored for good.
WRITER: Final = """
import itertools, sys
from tandem_store import open_store
from tests.support.run_records import new_run
url, writer = sys.argv[1:]
with open_store(url) as store:
    for number in itertools.count():
        with store.begin() as tx:
            for half in "ab":
                month = 1_580_000_000_000 + number % 5 * 2_678_400_000
                tx.runs.add(new_run(f"{writer}-{number}-{half}", updated_at_ms=month))
        with store.begin() as tx:
            tx.runs.update("shared", lambda run: run.model_copy(
                update={"total_tokens": run.total_tokens + 1}))
        print(number, flush=True)
"""
WRITERS: Final = 4


@contextmanager
def writing(url: str, folder: Path) -> Iterator[list[Path]]:
    """Four processes that write to the store, and the files that have what they acknowledged."""
    told = [folder / f"writer-{number}" for number in range(WRITERS)]
    processes = [_started(url, path) for path in told]
    try:
        while any(acknowledged(path) < 3 for path in told):
            assert [process.poll() for process in processes] == [None] * WRITERS
            time.sleep(0.01)
        yield told
        assert [process.poll() for process in processes] == [None] * WRITERS
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _started(url: str, path: Path) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-c", WRITER, url, path.name]
    with path.open("wb") as told:
        return subprocess.Popen(line, stdout=told, cwd=REPOSITORY)


def acknowledged(path: Path) -> int:
    """How many transactions a writer was told are stored."""
    return path.read_text().count("\n")


def test_has_every_write_acknowledged_before_it_began(
    store_url: str, folder: Path, tmp_path: Path
) -> None:
    """And of the later ones a beginning, the same in every table: no half transaction."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("shared", total_tokens=0))
    with writing(store_url, tmp_path) as told:
        for _ in range(2):
            before = {path.name: acknowledged(path) for path in told}
            report = backup_store(store_url, folder)
            after = {path.name: acknowledged(path) for path in told}
            assert sum(after.values()) > sum(before.values()), "nobody wrote meanwhile"
            target = f"{report.file}.restored"
            restore_store(target, report.file)
            check(target, before, report.content.runs)


def check(url: str, before: dict[str, int], runs: int) -> None:
    """The restored store has all that was acknowledged before, and nothing by halves."""
    found: dict[str, list[int]] = defaultdict(list)
    with open_store(url) as store, store.read() as tx:
        records = list(tx.runs.iterate())
        assert len(records) == runs == sum(month.runs for month in tx.months.list())
        shared = tx.runs.get("shared")
    for record in records:
        if match := re.fullmatch(r"(writer-\d)-(\d+)-[ab]", record.run_id):
            found[match[1]].append(int(match[2]))
    for writer, count in before.items():
        pairs = len(found[writer]) // 2
        assert pairs >= count
        assert sorted(found[writer]) == sorted([*range(pairs), *range(pairs)])
    # Each writer counts on after it has added; so this lies at most one behind, for each.
    assert shared is not None
    added = sum(map(len, found.values())) // 2
    assert added - WRITERS <= (shared.total_tokens or 0) <= added
    assert (shared.total_tokens or 0) >= sum(before.values())

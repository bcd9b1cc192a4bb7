"""Three months of ten thousand runs leave and come back, while a service writes; with figures.

With ``--capture=no`` the figures of docs/internals/performance.md are printed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.workload import Workload
from tandem_store import RunRecord, StoreError, attach_month, detach_month, open_store
from tandem_store.batches import batched
from tandem_store.clock import now_ms
from tandem_store.database import space
from tandem_store.month import Month
from tests.support.run_records import new_run
from tests.support.stored import dump

pytestmark = pytest.mark.slow

RUNS: Final = 10_000
#: The months of the workload, and those of them that leave.
SPREAD: Final = 14
LEAVING: Final = (Month(2025, 9), Month(2025, 10), Month(2025, 11))


def fill(url: str) -> None:
    """Ten thousand runs of 24 KB in fourteen months, and one of today that a service writes."""
    with open_store(url) as store:
        for batch in batched(Workload(seed=1, months=SPREAD).runs(RUNS), 500):
            with store.begin() as tx:
                tx.runs.add_many(map(RunRecord.model_validate, batch))
        with store.begin() as tx:
            tx.runs.add(new_run("service", created_at_ms=now_ms(), updated_at_ms=now_ms()))


def bytes_of(url: str) -> int:
    """The bytes of the database."""
    with open_store(url) as store, store.read() as tx:
        return space.database_bytes(tx.connection)


def serve(url: str, stop: Any, answers: Any) -> None:
    """Write and list again and again; report failures, and how long each took in milliseconds."""
    took: list[float] = []
    failures: list[str] = []
    with open_store(url) as store:
        while not stop.is_set():
            began = time.perf_counter()
            try:
                with store.begin() as tx:
                    tx.runs.update("service", lambda run: run.changed(detail=str(len(took))))
                with store.read() as tx:
                    tx.runs.list(limit=50)
            except (StoreError, SQLAlchemyError) as error:
                failures.append(f"{type(error).__name__}: {error}")
            took.append((time.perf_counter() - began) * 1e3)
    answers.put((failures, sorted(took)))


@contextmanager
def service(url: str) -> Iterator[None]:
    """A service beside what is done; it must not fail in anything."""
    context = get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    process = context.Process(target=serve, args=(url, stop, answers))
    process.start()
    try:
        time.sleep(2)
        yield
    finally:
        stop.set()
        failures, took = answers.get()
        process.join()
    assert failures == []
    print(
        f"  service: {len(took)} writes and lists, median {statistics.median(took):.1f} ms, "
        f"p99 {took[len(took) * 99 // 100]:.1f} ms, longest {took[-1]:.0f} ms"
    )


def leave_and_return(url: str, folder: Path) -> None:
    """Detach and attach the months, and print what that took."""
    before = bytes_of(url)
    gone = [detach_month(url, month, folder) for month in LEAVING]
    between = bytes_of(url)
    back = [attach_month(url, one.archive) for one in gone]
    for one in gone:
        one.archive.unlink()
    for left, returned in zip(gone, back, strict=True):
        print(
            f"  {left.month}: {left.runs} runs, archive {left.bytes:,} bytes, detached in "
            f"{left.seconds:.2f} s, attached in {returned.seconds:.2f} s"
        )
    print(f"  store: {before:,} bytes before, {between:,} without, {bytes_of(url):,} after")


def test_three_months_of_many_runs_leave_and_return(
    store_url: str, tmp_path: Path, database: str
) -> None:
    """The same dump; first alone, then beside a service that never fails."""
    fill(store_url)
    expected = dump(store_url)
    print(f"\n{database}, alone:")
    leave_and_return(store_url, tmp_path)
    assert dump(store_url) == expected

    print(f"{database}, beside a service:")
    with service(store_url):
        leave_and_return(store_url, tmp_path)
    with open_store(store_url) as store, store.read() as tx:
        assert tx.runs.count() == RUNS + 1
        assert list(tx.runs.damaged()) == []

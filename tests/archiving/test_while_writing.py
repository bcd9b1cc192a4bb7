"""A service that writes all the while fails in nothing but in writing to the month that leaves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tandem_store import (
    MonthDetachedError,
    StoreError,
    attach_month,
    detach_month,
    forget_content,
    open_store,
)
from tandem_store.mapping import RunRows
from tandem_store.runs import storage
from tandem_store.runs.context import RunsContext
from tests.archiving.months import EACH, FEBRUARY, MARCH, run_id, run_of, totals
from tests.support.stored import dump

ROUNDS = 3


def serve(url: str, stop: Any, written: Any, refused: Any, failures: Any) -> None:
    """Write to two months and read from both until told to stop; count, and keep what failed."""
    with open_store(url) as store:
        number = 0
        while not stop.is_set():
            number += 1
            month = (FEBRUARY, MARCH)[number % 2]
            # Only what no test of this file compares, so that the dump stays.
            run = run_of(month, 1 + number % (EACH - 1))
            try:
                with store.begin() as tx:
                    tx.runs.save(run, force=True)
                with store.read() as tx:
                    tx.runs.get(run.run_id)
                    tx.runs.list(limit=20)
                written.value += 1
            except MonthDetachedError:
                refused.value += 1
                if month == MARCH:
                    failures.put("March was called detached")
            except (StoreError, SQLAlchemyError) as error:
                failures.put(f"{type(error).__name__}: {error}")


@pytest.mark.postgresql  # on SQLite, who writes has the file to itself
def test_a_run_that_is_added_while_its_month_leaves(
    months_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its transaction has looked whether the month is there: by the same typed error."""
    real = storage.insert_run

    def detached_first(connection: Connection, run: RunRows) -> int | None:
        detach_month(months_url, FEBRUARY, tmp_path)
        return real(connection, run)

    monkeypatch.setattr(storage, "insert_run", detached_first)
    with open_store(months_url) as store:
        with pytest.raises(MonthDetachedError), store.begin() as tx:
            tx.runs.add(run_of(FEBRUARY, 0, run_id="late"))
        with store.read() as tx:
            assert not tx.runs.exists("late")


@pytest.mark.postgresql  # on SQLite, who writes has the file to itself
def test_forgetting_beside_writers_of_the_same_runs(
    months_url: str,
) -> None:
    """It waits for who has a run, instead of each waiting for the other."""
    with ThreadPoolExecutor(1) as other, open_store(months_url) as store:
        with store.begin() as tx:
            storage.locate(RunsContext(tx.connection), run_id(FEBRUARY, 2), lock=True)
            forgetting = other.submit(forget_content, months_url, FEBRUARY)
            assert wait([forgetting], timeout=0.5).done == set()
            tx.runs.save(run_of(FEBRUARY, 2), force=True)
        assert forgetting.result().runs == EACH


def test_beside_a_service_that_writes_all_the_time(months_url: str, tmp_path: Path) -> None:
    """Detached and attached again and again; what it wrote last is what is there."""
    context = get_context("spawn")
    stop, failures = context.Event(), context.Queue()
    written, refused = context.Value("i", 0), context.Value("i", 0)
    service = context.Process(target=serve, args=(months_url, stop, written, refused, failures))
    service.start()
    try:
        for number in range(ROUNDS):
            seen = written.value
            while written.value < seen + 5:
                assert service.is_alive()
                time.sleep(0.01)
            archive = detach_month(months_url, FEBRUARY, tmp_path / str(number)).archive
            known = refused.value
            while refused.value < known + 2:
                assert service.is_alive()
                time.sleep(0.01)
            attach_month(months_url, archive)
    finally:
        stop.set()
        service.join()

    assert service.exitcode == 0
    assert failures.empty(), failures.get()
    assert sum(runs for runs, _, _ in totals(months_url).values()) == 3 * EACH
    with open_store(months_url) as store, store.read() as tx:
        assert list(tx.runs.damaged()) == []
        stored = tx.runs.get(run_id(FEBRUARY, 2))
        assert stored == run_of(FEBRUARY, 2)
    assert dump(months_url)

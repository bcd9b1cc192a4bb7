"""Whatever fails, and whoever writes meanwhile: nothing is lost, and the same job goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from tandem_store import open_store
from tandem_store.copying.parts import Batch
from tandem_store.recompression import compact_months
from tandem_store.recompression.documents import Documents, Replacement
from tandem_store.runs import Runs
from tests.recompression.months import (
    EACH,
    FEBRUARY,
    JANUARY,
    dictionaries_of,
    encodings,
    fill,
    run_of,
)
from tests.support.stored import dump

#: Four documents a transaction.
SMALL: Final = Batch(rows=4)
COMPACTED: Final = {"zstd-dict": EACH}
#: Compacts in small batches, and kills itself when it has been told of progress so often.
PROGRAM: Final = """
import os, signal, sys
from tandem_store.copying.parts import Batch
from tandem_store.recompression import compact_months
calls = 0
def count(*_):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
compact_months(sys.argv[1], batch=Batch(rows=4), progress=count)
"""


class BrokenOffError(Exception):
    """Nothing that the store knows."""


@contextmanager
def failing_at(number: int) -> Iterator[list[str]]:
    """Let the writing statement with this number fail before the database has done it."""
    sent: list[str] = []

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE", "COPY")):
            sent.append(statement)
            if len(sent) == number:
                raise BrokenOffError

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


def test_a_failure_at_any_statement_loses_nothing(over_url: str) -> None:
    """Each job goes on with what the last one left, and fails one statement later."""
    before, number = dump(over_url), 0
    while True:
        number += 1
        with failing_at(number) as sent, suppress(BrokenOffError):
            compact_months(over_url, batch=SMALL)
        assert dump(over_url) == before
        if len(sent) < number:
            break
    assert number > 5
    assert encodings(over_url, JANUARY) == encodings(over_url, FEBRUARY) == COMPACTED


@pytest.mark.parametrize("call", [2, 3, 5, 9])
def test_a_killed_job_is_continued(over_url: str, call: int) -> None:
    """Between the dictionary and the first document, and later; with the same dictionary."""
    before = dump(over_url)

    done = subprocess.run([sys.executable, "-c", PROGRAM, over_url, str(call)])

    assert done.returncode == -signal.SIGKILL
    assert dump(over_url) == before
    known = dictionaries_of(over_url)[0]
    left = sum(
        count for month in (JANUARY, FEBRUARY) for count in encodings(over_url, month).values()
    )
    report = compact_months(over_url)
    assert left == 2 * EACH
    assert encodings(over_url, JANUARY) == encodings(over_url, FEBRUARY) == COMPACTED
    assert report.runs == 2 * EACH - 4 * max(0, call - 2)
    assert not known or dictionaries_of(over_url)[0] == known
    assert dump(over_url) == before


@pytest.mark.slow
def test_killed_at_any_moment(over_url: str) -> None:
    """Also within a transaction."""
    before = dump(over_url)
    for share in range(12):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, over_url, "0"])
        time.sleep(0.7 + share * 0.12)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert dump(over_url) == before

    compact_months(over_url)

    assert encodings(over_url, JANUARY) == encodings(over_url, FEBRUARY) == COMPACTED
    assert dump(over_url) == before


def test_a_document_that_was_written_meanwhile_is_never_overwritten(
    over_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the write a service saves one run, deletes one, and moves one."""
    real = Documents.replace

    def after_others(self: Documents, connection: Any, new: list[Replacement]) -> int:
        monkeypatch.undo()
        # A thread would wait for this transaction on SQLite; the change is in it instead.
        runs = Runs(connection)
        runs.save(run_of(JANUARY, 1).changed(detail="meanwhile"), force=True)
        runs.delete("2020-01-02")
        runs.update("2020-01-03", lambda run: run.changed(detail="moved"))
        return real(self, connection, new)

    monkeypatch.setattr(Documents, "replace", after_others)

    report = compact_months(over_url, [JANUARY])

    assert report.runs == EACH - 3
    assert encodings(over_url) == {"zstd-dict": EACH - 3, "zstd-1": 1}
    with open_store(over_url) as store, store.read() as tx:
        for run_id, detail in (("2020-01-01", "meanwhile"), ("2020-01-03", "moved")):
            run = tx.runs.get(run_id)
            assert run is not None
            assert run.detail == detail
        assert not tx.runs.exists("2020-01-02")


@pytest.mark.postgresql
def test_a_document_that_another_transaction_is_writing_is_left_alone(store_url: str) -> None:
    """Neither waits for the other; the next job takes it up."""
    with open_store(store_url) as store, open_store(store_url) as other:
        fill(store)
        with other.begin() as tx:
            tx.runs.save(run_of(JANUARY, 1).changed(detail="under way"), force=True)
            assert compact_months(store_url, [JANUARY]).runs == EACH - 1
        assert compact_months(store_url, [JANUARY]).runs == 1
    assert encodings(store_url) == COMPACTED


def write_again_and_again(url: str, stop: Any, written: Any) -> None:
    """Save runs of both months until told to stop, and count."""
    with open_store(url) as store:
        number = 0
        while not stop.is_set():
            with store.begin() as tx:
                run = run_of((JANUARY, FEBRUARY)[number % 2], number % EACH)
                tx.runs.save(run.changed(detail=f"written {number}"), force=True)
            number += 1
            written.value = number


def test_beside_a_service_that_writes_all_the_time(over_url: str) -> None:
    """What it wrote last is what is read, whatever was compacted in between."""
    context = get_context("spawn")
    stop, written = context.Event(), context.Value("i", 0)
    writer = context.Process(target=write_again_and_again, args=(over_url, stop, written))
    writer.start()
    try:
        while written.value < 3:
            time.sleep(0.01)
        for _ in range(3):
            compact_months(over_url, batch=SMALL)
    finally:
        stop.set()
        writer.join()
    assert writer.exitcode == 0

    with open_store(over_url) as store, store.read() as tx:
        last = written.value - 1
        for number in range(max(0, last - 2 * EACH + 1), last + 1):
            month = (JANUARY, FEBRUARY)[number % 2]
            run = tx.runs.get(f"{month}-{number % EACH:02}")
            assert run is not None
            assert run.detail is not None
            assert int(run.detail.removeprefix("written ")) >= number
        assert list(tx.runs.damaged()) == []

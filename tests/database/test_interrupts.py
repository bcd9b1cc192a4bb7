"""Ctrl-C, wherever it comes: the transaction is over, and the next one begins at once."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, text

from tandem_store import Store, StoreError, StoreLockedError, open_store
from tandem_store.database import waiting
from tests.support import REPOSITORY
from tests.support.run_records import new_run

#: Statements that take some seconds, by database.
SLOW = {
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 4000000) "
    "SELECT count(*) FROM c",
    "postgresql": "SELECT pg_sleep(10)",
}


@pytest.fixture
def interrupt() -> Iterator[Callable[[float], None]]:
    """Lets this thread be interrupted, by a real signal, in so many seconds."""

    def raise_(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, raise_)
    yield lambda seconds: (signal.setitimer(signal.ITIMER_REAL, seconds), None)[1]
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def impatient(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that waits a second at most."""
    monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 1)
    with open_store(store_url) as store:
        yield store


def slow(store: Store) -> str:
    """The statement that takes long on this database."""
    return SLOW[store._transactions._engines.write.dialect.name]


def test_the_clean_up_of_an_interrupted_worker_can_write(
    impatient: Store, interrupt: Callable[[float], None]
) -> None:
    """In ``except KeyboardInterrupt``, while the traceback still holds what was in use."""
    try:
        with impatient.begin() as tx:
            tx.runs.add(new_run("r"))
            interrupt(0.1)
            tx.connection.execute(text(slow(impatient)))
        pytest.fail("It was not interrupted.")
    except KeyboardInterrupt:
        with impatient.begin() as tx:
            assert not tx.runs.exists("r")
            tx.runs.add(new_run("r"))

    with impatient.read() as reading:
        assert reading.runs.exists("r")


@pytest.mark.sqlite
def test_an_interrupted_reader_lets_go_of_what_it_saw(
    store: Store, interrupt: Callable[[float], None]
) -> None:
    """A snapshot that stays would keep SQLite from folding its write-ahead log in."""
    try:
        with store.read() as tx:
            interrupt(0.1)
            tx.connection.execute(text(slow(store)))
        pytest.fail("It was not interrupted.")
    except KeyboardInterrupt:
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
        with store._transactions._engines.write.connect() as connection:
            driver = connection.connection.cursor()
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            driver.close()
        assert busy == 0


def test_a_waiting_thread_has_its_turn_after_an_interrupt(
    impatient: Store, interrupt: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only the interrupted thread must be able to go on."""

    def write() -> None:
        with impatient.begin() as tx:
            tx.runs.add(new_run("other"))

    monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 20)
    with ThreadPoolExecutor(1) as pool:
        try:
            with impatient.begin() as tx:
                waiting_thread = pool.submit(write)
                interrupt(0.1)
                tx.connection.execute(text(slow(impatient)))
        except KeyboardInterrupt:
            waiting_thread.result()


def test_a_rollback_that_fails_leaves_nothing_locked(impatient: Store) -> None:
    """The disk or the server may be what failed; the connection is closed then."""

    def fail(*_: object) -> None:
        raise StoreError("No rollback today.")

    engine = impatient._transactions._engines.write
    event.listen(engine, "rollback", fail)
    try:
        with impatient.begin() as tx:
            tx.runs.add(new_run("r"))
            raise ValueError
    except (ValueError, StoreError):
        event.remove(engine, "rollback", fail)
        with impatient.begin() as tx:
            tx.runs.add(new_run("r"))


@pytest.mark.parametrize("way", ["begin", "read"])
def test_interrupted_at_every_step(store_url: str, way: str) -> None:
    """Of beginning, writing and ending, where Python looks for signals: the next one is free."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.database.interrupted", store_url, way],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["interrupts"] > 50
    assert told["stuck"] == []


def test_a_forgotten_transaction_is_over(impatient: Store) -> None:
    """A framework that dies half-way leaves a block that nobody ends."""
    block = impatient.begin()
    block.__enter__().runs.add(new_run("r"))
    del block
    gc.collect()

    with impatient.begin() as tx:
        assert not tx.runs.exists("r")


def test_a_new_thread_is_not_taken_for_one_that_is_gone(
    impatient: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system gives a thread's number to the next one."""
    monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 0.01)
    numbers: list[int] = []
    refusals: list[StoreError] = []

    def begin() -> None:
        numbers.append(threading.get_ident())
        block.__enter__()

    def begin_too() -> None:
        numbers.append(threading.get_ident())
        try:
            with impatient.begin():
                pass
        except StoreError as error:
            refusals.append(error)

    block = impatient.begin()
    run(begin)
    for _ in range(1_000):
        run(begin_too)
        if numbers[-1] == numbers[0]:
            break
    block.__exit__(None, None, None)

    assert numbers[0] == numbers[-1], "The number was not used again."
    # On SQLite there is one writer at a time; a thread waits for its turn, in vain here.
    assert {type(error) for error in refusals} <= {StoreLockedError}


def run(work: Callable[[], None]) -> None:
    """Do it in a thread of its own, to its end."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

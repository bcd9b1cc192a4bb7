"""Old SQLite libraries: commits keep out of the way of other processes' checkpoints."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pytest

from tandem_store import StoreLockedError, open_store
from tandem_store.database import waiting
from tandem_store.database.locks import commit_lock
from tandem_store.database.urls import database_url, sqlite_path
from tests.support.run_records import new_run

pytestmark = pytest.mark.sqlite

#: Seconds; without the lock, one of three databases that are used for so long was damaged.
ROUND_S, ROUNDS, WRITERS, ROWS = 5, 6, 2, 400


@pytest.fixture
def path(store_url: str) -> Path:
    """The file of a store at head."""
    found = sqlite_path(database_url(store_url))
    assert found is not None
    return found


@pytest.fixture
def old_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the library were one that needs the lock."""
    monkeypatch.setattr(commit_lock, "IS_NEEDED", True)


@contextmanager
def committing_elsewhere(path: Path) -> Iterator[None]:
    """Another process holds the lock."""
    ready, done = multiprocessing.Event(), multiprocessing.Event()

    def hold() -> None:
        with commit_lock.hold(commit_lock.lock_file(path)):
            ready.set()
            done.wait(20)

    process = multiprocessing.get_context("fork").Process(target=hold)
    process.start()
    ready.wait(10)
    try:
        yield
    finally:
        done.set()
        process.join()


@pytest.mark.usefixtures("old_library")
def test_a_commit_waits_for_another_process_that_commits(
    store_url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gives up as it would for any lock; nothing is stored then."""
    monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 0.05)
    with open_store(store_url) as store:
        with committing_elsewhere(path), pytest.raises(StoreLockedError, match="committing"):
            with store.begin() as tx:
                tx.runs.add(new_run("one"))

        with store.begin() as tx:
            assert not tx.runs.exists("one")
            tx.runs.add(new_run("one"))


def test_reading_waits_for_nobody(store_url: str, path: Path, old_library: None) -> None:
    """Only commits take the lock."""
    with open_store(store_url) as store, committing_elsewhere(path), store.read() as tx:
        assert tx.runs.count() == 0


@pytest.mark.parametrize("is_needed", [True, False])
def test_only_old_libraries_pay_for_it(
    store_url: str, path: Path, monkeypatch: pytest.MonkeyPatch, is_needed: bool
) -> None:
    """With a newer one, no file is made and no lock is taken."""
    monkeypatch.setattr(commit_lock, "IS_NEEDED", is_needed)
    lock = commit_lock.lock_file(path)

    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("one"))

    assert lock.exists() is is_needed
    if is_needed:
        assert lock.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("has_bug", "lines"), [(True, 1), (False, 0)])
def test_opening_a_store_notes_an_old_library_once(
    store_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_bug: bool,
    lines: int,
) -> None:
    """At INFO, once in a process."""
    monkeypatch.setattr(commit_lock, "has_wal_reset_bug", lambda: has_bug)
    commit_lock.log_affected_library.cache_clear()
    with caplog.at_level(logging.INFO, logger="tandem_store"):
        for _ in range(2):
            open_store(store_url).close()

    noted = [record.message for record in caplog.records if "3.51.3" in record.message]
    assert len(noted) == lines


def _connect(path: Path) -> commit_lock.CommittingConnection:
    connection = sqlite3.connect(
        path, timeout=30, isolation_level=None, factory=commit_lock.CommittingConnection
    )
    # Checkpoints are the other process's, so that there are many.
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "wal_autocheckpoint=0"):
        connection.execute(f"PRAGMA {pragma}")
    for pragma in commit_lock.PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.commit_lock = commit_lock.lock_file(path)
    return connection


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, n INTEGER, b BLOB)")
    connection.execute("CREATE INDEX rows_n ON rows (n)")
    connection.execute("CREATE TABLE commits (writer INTEGER PRIMARY KEY, n INTEGER)")
    rows, writers = ([(number,) for number in range(count)] for count in (ROWS, WRITERS))
    connection.executemany("INSERT INTO rows VALUES (?, 0, '')", rows)
    connection.executemany("INSERT INTO commits VALUES (?, 0)", writers)


def _checkpoint(path: Path, end: float) -> None:
    with closing(_connect(path)) as connection:
        while time.time() < end:
            with commit_lock.hold(commit_lock.lock_file(path)):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _write(path: Path, end: float, me: int, acknowledged: Synchronized[int]) -> None:
    choose = random.Random(me)
    with closing(_connect(path)) as connection:
        while time.time() < end:
            # A long log, then short ones: what the race needs.
            is_long = acknowledged.value % 12 == 0
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "UPDATE rows SET n = n + 1, b = randomblob(900) WHERE ? OR id = ?",
                (is_long, choose.randrange(ROWS)),
            )
            connection.execute("UPDATE commits SET n = n + 1 WHERE writer = ?", (me,))
            connection.commit()
            acknowledged.value += 1
            time.sleep(0.0002)


def _disturb(process: int, end: float) -> None:
    while time.time() < end - 0.1:
        os.kill(process, signal.SIGSTOP)
        time.sleep(random.uniform(0.0005, 0.004))
        os.kill(process, signal.SIGCONT)
        time.sleep(random.uniform(0.0002, 0.002))


@pytest.mark.slow
def test_no_commit_is_lost_while_another_process_checkpoints(tmp_path: Path) -> None:
    """However the checkpoints are interrupted; prints how many there were."""
    start: Callable[..., multiprocessing.Process] = multiprocessing.get_context("fork").Process
    total = 0
    for round_ in range(ROUNDS):
        path = tmp_path / f"{round_}.db"
        with closing(_connect(path)) as connection:
            connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, n INTEGER, b BLOB)")
            connection.execute("CREATE INDEX rows_n ON rows (n)")
            connection.execute("CREATE TABLE commits (writer INTEGER PRIMARY KEY, n INTEGER)")
            connection.executemany(
                "INSERT INTO rows VALUES (?, 0, '')", [(n,) for n in range(ROWS)]
            )
            connection.executemany(
                "INSERT INTO commits VALUES (?, 0)", [(n,) for n in range(WRITERS)]
            )
        end = time.time() + ROUND_S
        acknowledged = [multiprocessing.Value("q", 0) for _ in range(WRITERS)]
        checkpointer = start(target=_checkpoint, args=(path, end))
        writers = [
            start(target=_write, args=(path, end, me, acknowledged[me])) for me in range(WRITERS)
        ]
        for process in (checkpointer, *writers):
            process.start()
        _disturb(checkpointer.pid or 0, end)
        for process in (checkpointer, *writers):
            process.join()
            assert process.exitcode == 0
        with closing(_connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            stored = connection.execute("SELECT n FROM commits ORDER BY writer").fetchall()
        assert stored == [(one.value,) for one in acknowledged]
        total += sum(one.value for one in acknowledged)
    print(f"{total} commits by {WRITERS} writers, none lost; SQLite {sqlite3.sqlite_version}")

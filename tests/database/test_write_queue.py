"""Who waits for long is told for what: in the log."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from tandem_store import Store, open_store
from tandem_store.database import waiting
from tandem_store.database.locks.files import file_lock

pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A tenth of a second is long."""
    monkeypatch.setattr(waiting, "LONG_WAIT_S", 0.1)
    caplog.set_level(logging.INFO, logger="tandem_store")


def wait_while_held(store: Store, other: Store) -> None:
    """Begin a transaction of ``other`` while one of ``store`` lasts for 0.3 seconds more."""
    inside, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with store.begin():
            inside.set()
            enough.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    # Counted from here, however long a busy machine took to come so far.
    threading.Timer(0.3, enough.set).start()
    with other.begin():
        pass
    thread.join()


def test_a_turn(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Among the threads of one process."""
    wait_while_held(store, store)

    assert "s for other threads of this process" in caplog.text


def test_a_busy_file(store: Store, store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of which another process is writing."""
    with open_store(store_url) as other:
        wait_while_held(store, other)

    assert "s for another process that is writing to /" in caplog.text


def test_a_lock_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of an upgrade, say."""
    held, lock = threading.Event(), tmp_path / "x.lock"

    def hold() -> None:
        with file_lock(lock, patience_s=0, busy="busy"):
            held.set()
            threading.Event().wait(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with file_lock(lock, patience_s=5, busy="busy"):
        pass
    thread.join()

    assert f"s for the lock {lock}" in caplog.text


def test_a_short_wait_is_not_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A log of every transaction would help nobody."""
    with store.begin():
        pass

    assert "waited" not in caplog.text

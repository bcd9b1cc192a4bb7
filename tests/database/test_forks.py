"""Forks: both processes go on, whatever other threads were at."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tandem_store import Store, StoreError, open_store
from tandem_store.database import forks
from tests.support.changes import one_more_token
from tests.support.run_records import new_run

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]

FAILED = 1
REFUSED = 2
HUNG = 3


def child(work: Callable[[], object]) -> int:
    """Do some work in a forked child process; gives its number."""
    number = os.fork()
    if number:
        return number
    code = FAILED
    try:
        # A child that waits for what nobody gives shall fail, not hang.
        timer = threading.Timer(15, os._exit, [HUNG])
        timer.daemon = True
        timer.start()
        work()
        code = 0
    except StoreError as error:
        code = REFUSED if "forked in the middle" in str(error) else FAILED
    finally:
        os._exit(code)


def ended(number: int) -> int:
    """The exit code of a child."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def add(store: Store, times: int = 20) -> None:
    """Count tokens."""
    for _ in range(times):
        with store.begin() as tx:
            tx.runs.update("shared", one_more_token)


def tokens(store: Store) -> int:
    """How many were counted."""
    with store.read() as tx:
        shared = tx.runs.get("shared")
    assert shared is not None
    return shared.total_tokens


@pytest.fixture
def shared(store: Store) -> Store:
    """A store with a run to count in, and idle connections of both kinds."""
    with store.begin() as tx:
        tx.runs.add(new_run("shared", total_tokens=0))
    tokens(store)
    return store


@contextmanager
def held(block: Callable[[], object]) -> Iterator[threading.Event]:
    """A transaction of another thread, until the event is set or the block is left."""
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with block() as tx:  # type: ignore[attr-defined]
            assert tx.runs.exists("shared")
            inside.set()
            over.wait()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        inside.wait()
        try:
            yield over
        finally:
            over.set()
        holding.result()


def test_both_processes_go_on(shared: Store) -> None:
    """With connections of their own; those of before are closed, or nobody's."""
    children = [child(lambda: add(shared)) for _ in range(3)]
    add(shared)

    assert [ended(one) for one in children] == [0, 0, 0]
    assert tokens(shared) == 80


@pytest.mark.parametrize("way", ["begin", "read"])
def test_a_fork_waits_for_other_threads(shared: Store, store_url: str, way: str) -> None:
    """A child inherits what SQLite notes of the process's locks, but not the locks."""

    def work() -> None:
        add(shared, 2)
        with open_store(store_url) as fresh:
            add(fresh, 2)

    with held(getattr(shared, way)) as over:
        threading.Timer(0.3, over.set).start()
        number = child(work)
    add(shared, 2)

    assert ended(number) == 0
    assert tokens(shared) == 6


def test_forks_amid_many_threads(shared: Store) -> None:
    """As in a busy service that starts workers: no child hangs, nothing is lost."""
    stop = threading.Event()

    def serve() -> int:
        done = 0
        while not stop.is_set():
            add(shared, 1)
            tokens(shared)
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        serving = [pool.submit(serve) for _ in range(4)]
        children = []
        for _ in range(5):
            time.sleep(0.05)
            children.append(child(lambda: add(shared, 3)))
        codes = [ended(one) for one in children]
        stop.set()
        done = sum(one.result() for one in serving)

    assert codes == [0] * 5
    assert tokens(shared) == done + 15


def test_a_fork_that_waited_in_vain_gives_a_child_that_is_told(
    shared: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent goes on; on a server there is nothing to wait for."""
    monkeypatch.setattr(forks, "PATIENCE_S", 0.2)

    def by_the_store() -> None:
        add(shared, 1)

    def by_a_fresh_one() -> None:
        with open_store(store_url) as fresh:
            tokens(fresh)

    with held(shared.read):
        children = [child(by_the_store), child(by_a_fresh_one)]
        codes = [ended(one) for one in children]
        add(shared, 1)

    if store_url.startswith("sqlite"):
        assert codes == [REFUSED, REFUSED]
        assert tokens(shared) == 1
    else:
        assert codes == [0, 0]
        assert tokens(shared) == 2


@pytest.mark.parametrize("way", ["commit", "raise", "statement"])
def test_a_child_does_not_end_its_parents_transaction(shared: Store, way: str) -> None:
    """It leaves a block that it never began: by a refusal, and without a trace."""

    def leave(block: object) -> None:
        if way == "statement":
            tx.runs.exists("shared")
        elif way == "raise":
            block.__exit__(StoreError, StoreError("forked in the middle, says a test"), None)
            raise StoreError("forked in the middle, says a test")
        else:
            block.__exit__(None, None, None)

    block = shared.begin()
    tx = block.__enter__()
    tx.runs.update("shared", one_more_token)
    number = child(lambda: leave(block))
    assert ended(number) == REFUSED
    tx.runs.update("shared", one_more_token)
    block.__exit__(None, None, None)

    assert tokens(shared) == 2


def test_a_child_of_a_transaction_is_told_at_once(shared: Store, store_url: str) -> None:
    """For good on SQLite; on a server it has connections of its own."""
    with shared.begin() as tx:
        tx.runs.update("shared", one_more_token)
        code = ended(child(lambda: tokens(shared)))

    assert code == (REFUSED if store_url.startswith("sqlite") else 0)
    assert tokens(shared) == 1

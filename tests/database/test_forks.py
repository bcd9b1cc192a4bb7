"""Forks: the parent is unharmed, and a child uses only what it can use safely."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tandem_store import Store, StoreError, open_store
from tandem_store.database import integrity
from tests.support import REPOSITORY
from tests.support.changes import one_more_token
from tests.support.databases import NewDatabase
from tests.support.run_records import new_run

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]

FAILED = 1
REFUSED = 2
HUNG = 3


def child(work: Callable[[], object]) -> int:
    """Do some work in a forked child process; return its number."""
    number = os.fork()
    if number:
        return number
    code = FAILED
    try:
        # A child that waits in vain fails; it does not hang.
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


def test_idle_connections_are_closed_before_a_fork(shared: Store) -> None:
    """So that the child inherits none, and SQLite's record of locks is empty."""
    pools = [engine.pool for engine in shared._transactions._engines]
    assert all(pool.checkedin() for pool in pools)

    number = child(lambda: None)

    assert not any(pool.checkedin() for pool in pools)
    assert ended(number) == 0


def test_forks_amid_many_threads(shared: Store, store_url: str) -> None:
    """A busy service starts workers: none hangs or disturbs it, and on a server all work."""
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

    allowed = {0, REFUSED} if store_url.startswith("sqlite") else {0}
    assert set(codes) <= allowed
    assert tokens(shared) == done + 3 * codes.count(0)


@pytest.mark.parametrize("way", ["begin", "read"])
def test_a_child_amid_the_transaction_of_another_thread_is_refused(
    shared: Store, store_url: str, way: str
) -> None:
    """On SQLite, by any store on that file; a server does not mind. The parent goes on."""

    def by_the_store() -> None:
        add(shared, 1)

    def by_a_fresh_one() -> None:
        with open_store(store_url) as fresh:
            tokens(fresh)

    with held(getattr(shared, way)) as over:
        children = [child(by_a_fresh_one), child(lambda: tokens(shared))]
        codes = [ended(one) for one in children]
        over.set()
    add(shared, 1)

    if store_url.startswith("sqlite"):
        assert codes == [REFUSED, REFUSED]
    else:
        assert codes == [0, 0]
        assert ended(child(by_the_store)) == 0
    assert tokens(shared) in (1, 2)


@pytest.mark.sqlite
def test_a_child_is_refused_for_good_but_not_another_file(
    store: Store, new_store_on: NewDatabase
) -> None:
    """Also when the transaction has ended in the meantime, and in a child of the child."""
    other = new_store_on("sqlite")
    ready, go_on = os.pipe()

    def work() -> None:
        os.read(ready, 1)
        with open_store(other) as fresh, fresh.begin() as tx:
            tx.runs.add(new_run("r"))
        if ended(child(lambda: tokens(store))) == REFUSED:
            tokens(store)

    with store.begin() as tx:
        tx.runs.add(new_run("shared", total_tokens=0))
        number = child(work)
    os.write(go_on, b"x")

    assert ended(number) == REFUSED
    with open_store(other) as fresh, fresh.read() as tx:
        assert tx.runs.exists("r")


@pytest.mark.parametrize(
    "way",
    [
        "commit",
        "raise",
        "statement",
        "connection.commit",
        "connection.rollback",
        "connection.begin_nested",
        "connection.close",
    ],
)
def test_a_child_does_not_end_its_parents_transaction(shared: Store, way: str) -> None:
    """Whichever way it uses what it inherited: it is refused, and leaves no trace."""

    def leave(block: object) -> None:
        if way == "statement":
            tx.runs.exists("shared")
        elif way.startswith("connection."):
            getattr(tx.connection, way.removeprefix("connection."))()
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


#: Large enough for SQLite to write to its log before the commit, as newer libraries may.
EXITS = """
import os, sys
from tandem_store import open_store
from tandem_store.database.locks import commit_lock
from tests.support.run_records import new_run

commit_lock.PRAGMAS = ()
store = open_store(sys.argv[1])
with getattr(store, sys.argv[2])() as tx:
    if sys.argv[2] == "begin":
        tx.runs.add_many(new_run(f"r{n}", detail=os.urandom(50_000).hex()) for n in range(100))
    before = tx.runs.count()
    if not os.fork():
        sys.exit()
    assert os.wait()[1] == 0
    assert tx.runs.count() == before
    if sys.argv[2] == "begin":
        assert all(tx.runs.get(f"r{n}") for n in range(100))
        tx.runs.add(new_run("last"))
with store.read() as tx:
    print(tx.runs.count())
"""


@pytest.mark.parametrize("way", ["begin", "read"])
def test_a_child_that_exits_leaves_the_transaction_to_its_parent(
    shared: Store, store_url: str, way: str
) -> None:
    """An ordinary exit frees everything, which would roll back or end the parent's session."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EXITS, store_url, way],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == ("102" if way == "begin" else "1")
    with shared.read() as tx:
        if store_url.startswith("sqlite"):
            assert integrity.pragma(tx.connection, "integrity_check") == "ok"

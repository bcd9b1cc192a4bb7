"""What a restart of the server costs: the transactions that were open, and nothing after them.

About PostgreSQL alone; SQLite has no server. What killed processes cost it is tried elsewhere.
"""

from __future__ import annotations

import multiprocessing
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import Any

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from tandem_store import RunFilter, Store, StoreError, TenantScope, open_store
from tandem_store.database import revisions
from tests.store import contenders
from tests.store.contenders import Told
from tests.support.databases import running_server, server_url
from tests.support.run_records import new_run

WORKERS, RUNS = 4, 200
LEASE = timedelta(seconds=1)
#: One sentence of ours or more, then the driver's words in brackets.
SENTENCE = re.compile(r"The (connection to the )?PostgreSQL server .+\. \[.*\]")
HOWS = [signal.SIGKILL, signal.SIGQUIT]


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of the test's own, for it to stop."""
    with running_server() as started:
        yield started


@pytest.fixture
def postgresql_store_url(server: Any) -> str:
    """An empty store on that server."""
    url = server_url(server).render_as_string(hide_password=False)
    revisions.upgrade(url)
    return url


def stop(server: Any, how: signal.Signals) -> None:
    """Kill the server, or let it stop at once without a word to its clients (SIGQUIT)."""
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    postmaster.send_signal(how)
    psutil.wait_procs(processes, timeout=20)


def test_workers_go_on_by_themselves_when_the_server_is_back(
    server: Any, postgresql_store_url: str
) -> None:
    """Each run ends once; what failed is told in a sentence; the same store object watches it."""
    with open_store(postgresql_store_url) as store:
        with store.begin() as tx:
            tx.runs.add_many(
                new_run(f"r{n:03}", status="queued", total_tokens=0) for n in range(RUNS)
            )
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(WORKERS, mp_context=fresh) as pool:
            working = [
                pool.submit(contenders.serve, postgresql_store_url, LEASE, n)
                for n in range(WORKERS)
            ]
            for part, how in enumerate(HOWS, start=1):
                wait_until_finished(store, part * RUNS // 4)
                stop(server, how)
                time.sleep(0.5)
                server.ensure_postgres_running()
            told: list[Told] = [one.result(timeout=120) for one in working]

        made = sum((one.done for one in told), Counter())
        failures = [name for name in made if name.startswith("failed: ")]
        assert [name for name in failures if not SENTENCE.fullmatch(name[8:])] == []
        assert all(any(name in one.done for name in failures) for one in told)
        assert {made[f"finished r{n:03}"] for n in range(RUNS)} <= {0, 1}
        # A finish whose answer was lost may have been committed, which the worker cannot know.
        assert RUNS - made["unsure"] <= sum(made[f"finished r{n:03}"] for n in range(RUNS)) <= RUNS
        with store.read() as tx:
            ended = [(run.run_id, run.status, run.total_tokens) for run in tx.runs.iterate()]
        assert sorted(ended) == [(f"r{n:03}", "completed", 1) for n in range(RUNS)]


def wait_until_finished(store: Store, number: int) -> None:
    """Look until that many runs are at their end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with store.read() as tx:
            if (finished := tx.runs.count(RunFilter(status="completed"))) >= number:
                assert finished < RUNS, "the workers were done before"
                return
        time.sleep(0.01)
    raise AssertionError("the workers do not get on")


@pytest.mark.parametrize("how", HOWS)
def test_an_open_store_works_again(
    server: Any, postgresql_store_url: str, how: signal.Signals
) -> None:
    """At its first call, with all its pooled connections dead; nobody opens it again."""
    with open_store(postgresql_store_url) as store:
        mine = store.for_tenant(TenantScope(org_id="local", workspace_id="local"))
        with store.begin() as tx:
            tx.runs.add(new_run("before"))
        # Two connections in either pool.
        with store.read() as one, store.read() as two:
            assert one.runs.count() == two.runs.count() == 1

        stop(server, how)
        for way in (store.begin, store.read, mine.begin, mine.read):
            with pytest.raises(StoreError) as failed, way() as tx:
                tx.runs.count()
            assert SENTENCE.fullmatch(str(failed.value))
        server.ensure_postgres_running()

        with mine.read() as tx:
            assert tx.runs.exists("before")
        with store.begin() as tx:
            tx.runs.add(new_run("after"))
        with store.read() as one, store.read() as two:
            assert one.runs.count() == two.runs.count() == 2


@pytest.mark.parametrize("how", HOWS)
def test_what_was_open_is_undone(
    server: Any, postgresql_store_url: str, how: signal.Signals
) -> None:
    """Whether the transaction's next step is a question, a write or its commit."""
    steps = {
        "a question": lambda tx: tx.runs.count(),
        "a write": lambda tx: tx.runs.add(new_run("more")),
        "the commit": lambda tx: None,
    }
    with open_store(postgresql_store_url) as store:
        for name, step in steps.items():
            with pytest.raises(StoreError) as failed, store.begin() as tx:
                tx.runs.add(new_run(name))
                stop(server, how)
                step(tx)
            assert SENTENCE.fullmatch(str(failed.value))
            server.ensure_postgres_running()

            with store.begin() as tx:
                assert tx.runs.count() == 0

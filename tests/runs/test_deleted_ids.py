"""A revision of a run is that of one life of its id, however often the id is used again."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tandem_store import ConflictError, NotFoundError, Store, open_store
from tests.support.importing import imported
from tests.support.run_records import new_run
from tests.support.state_directories import StateDir, full_run

IDS = ("a", "b", "é\0")
ACTIONS = ("add", "add_many", "save", "update", "delete")


def test_what_was_read_in_one_life_is_not_saved_over_the_next(store: Store) -> None:
    """A worker that read a run before it was deleted cannot overwrite the one added since."""
    with store.begin() as tx:
        revision = tx.runs.add(new_run("r"))
        tx.runs.delete("r")
        again = tx.runs.add(new_run("r", detail="second life"))

    assert (revision, again) == (1, 2)
    with store.begin() as tx, pytest.raises(ConflictError):
        tx.runs.save(new_run("r", detail="first life"), expected_revision=revision)
    with store.read() as tx:
        assert tx.runs.get_versioned("r").revision == 2  # type: ignore[union-attr]


def test_an_imported_run_begins_beyond_the_one_that_was_deleted(
    store_url: str, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a bulk of others, which begin at 1."""
    with store.begin() as tx:
        for _ in range(2):
            tx.runs.add(new_run("again"))
            tx.runs.delete("again")
    state = StateDir(tmp_path_factory.mktemp("source") / "state")
    state.shard(full_run("again"))
    state.shard(full_run("other"))

    imported(store_url, state.root)

    with store.read() as tx:
        revisions = {run.run_id: run.revision for run in tx.runs.list().items}
    assert revisions == {"again": 3, "other": 1}


def test_no_sequence_of_writes_gives_a_revision_twice(store: Store) -> None:
    """Some hundred writes at random on a few ids, each in a transaction of its own."""
    rng = random.Random(9)
    given: list[tuple[str, int]] = []
    for _ in range(300):
        given += written(store, rng)

    assert len(given) > 100
    assert not [pair for pair, times in Counter(given).items() if times > 1]


def test_writers_at_the_same_time_never_get_the_same_revision(store: Store, store_url: str) -> None:
    """Two stores, as two processes have them."""

    def work(seed: int) -> list[tuple[str, int]]:
        rng = random.Random(seed)
        with open_store(store_url) as store:
            return [pair for _ in range(60) for pair in written(store, rng)]

    with ThreadPoolExecutor(2) as pool:
        given = [pair for found in pool.map(work, (1, 2)) for pair in found]

    assert not [pair for pair, times in Counter(given).items() if times > 1]


def written(store: Store, rng: random.Random) -> list[tuple[str, int]]:
    """The revisions that one write gave its runs; none if it was refused."""
    run_id, action = rng.choice(IDS), rng.choice(ACTIONS)
    try:
        with store.begin() as tx:
            if action == "add":
                return [(run_id, tx.runs.add(new_run(run_id)))]
            if action == "add_many":
                tx.runs.add_many([new_run(run_id)])
                found = tx.runs.get_versioned(run_id)
                return [(run_id, found.revision)] if found else []
            if action == "save":
                return [(run_id, tx.runs.save(new_run(run_id), force=True))]
            if action == "update":
                return [(run_id, tx.runs.update(run_id, lambda run: run).revision)]
            tx.runs.delete(run_id)
    except (ConflictError, NotFoundError):
        pass
    return []


@pytest.mark.postgresql
def test_an_add_that_waits_for_a_delete_goes_on_from_it(store_url: str) -> None:
    """The last revision is looked up when the deletion is committed, not before."""
    with open_store(store_url) as store, open_store(store_url) as other:
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
            tx.runs.update("r", lambda run: run)
        waits = threading.Event()

        def add() -> int:
            with other.begin() as tx:
                waits.set()
                return tx.runs.add(new_run("r"))

        with ThreadPoolExecutor(1) as pool:
            with store.begin() as tx:
                tx.runs.delete("r")
                adding = pool.submit(add)
                waits.wait(10)
                # Long enough for the insertion to wait for this transaction.
                threading.Event().wait(0.3)
            assert adding.result(10) == 3

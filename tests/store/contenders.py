"""Processes that use one store at once, each a function that a new interpreter can be given.

Every one opens the store by itself, works until its time is over, and tells what it did.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from tandem_store import (
    Claim,
    ConflictError,
    LeaseLostError,
    RunRecord,
    Store,
    StoreError,
    open_store,
)
from tandem_store.records import RunStatus
from tests.support.changes import one_more_token
from tests.support.legacy_runs import MONTH_MS

HOT: Final = [f"hot-{number:02}" for number in range(20)]


@dataclass
class Told:
    """What a process did, by name, and how long each of its calls took, in seconds."""

    done: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Note how long the block took."""
        began = time.perf_counter()
        yield
        self.latencies.append(time.perf_counter() - began)


def at_once(*calls: tuple[Callable[..., Told], tuple[Any, ...]]) -> list[Told]:
    """Run each call in a process of its own, all at the same time; raises what they raise."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(calls), mp_context=fresh) as pool:
        running: list[Future[Told]] = [pool.submit(call, *args) for call, args in calls]
        return [future.result() for future in running]


def increment(url: str, seconds: float, seed: int) -> Told:
    """Add one token to hot runs, again and again, each in a transaction of its own."""
    told, rng = Told(), random.Random(seed)
    with open_store(url) as store:
        for _ in until(seconds):
            run_id = rng.choice(HOT)
            with told.timed(), store.begin() as tx:
                tx.runs.update(run_id, one_more_token)
            told.done[run_id] += 1
    return told


def move_months(url: str, seconds: float, seed: int) -> Told:
    """Save hot runs into the month before theirs and the one after it, as they were read."""
    told, rng = Told(), random.Random(seed)
    with open_store(url) as store:
        for _ in until(seconds):
            try:
                with store.begin() as tx:
                    found = tx.runs.get_versioned(rng.choice(HOT))
                    assert found is not None
                    at = found.run.updated_at_ms + rng.choice((-1, 1)) * MONTH_MS
                    tx.runs.save(
                        found.run.model_copy(update={"updated_at_ms": at}),
                        expected_revision=found.revision,
                    )
                told.done["moved"] += 1
            except ConflictError:
                told.done["conflicts"] += 1
    return told


def look(url: str, seconds: float, seed: int) -> Told:
    """Read hot runs whole; one that is not there, or has no document, ends the process."""
    told, rng = Told(), random.Random(seed)
    with open_store(url) as store:
        for _ in until(seconds):
            with told.timed(), store.read() as tx:
                assert tx.runs.get(rng.choice(HOT)) is not None
            told.done["looked"] += 1
    return told


def work_off(url: str, lease: timedelta, seed: int) -> Told:
    """Claim and finish queued runs until there are none; sleep over the first and a few more."""
    told, rng = Told(), random.Random(seed)
    worker = f"{seed}/{os.getpid()}"
    with open_store(url) as store:
        while True:
            with told.timed(), store.begin() as tx:
                claim = tx.runs.claim_next(worker, lease)
            if claim is None:
                if not held_by_others(store):
                    return told
                time.sleep(0.02)
                continue
            told.done[f"claimed {claim.run_id}"] += 1
            told.done["taken over"] += claim.epoch > 1
            if not told.done["slept"] or rng.random() < 0.02:
                time.sleep(1.5 * lease.total_seconds())
                told.done["slept"] += 1
            try:
                with store.begin() as tx:
                    tx.runs.finish(claim, completed)
                told.done[f"finished {claim.run_id}"] += 1
            except LeaseLostError:
                told.done["too late"] += 1


def serve(url: str, lease: timedelta, seed: int) -> Told:
    """Work off queued runs as a service would, through whatever happens to the server."""
    told, rng = Told(), random.Random(seed)
    with open_store(url) as store:
        while True:
            claim = persistently(told, lambda: claimed(store, f"worker {seed}", lease))
            if claim is None:
                if not persistently(told, lambda: held_by_others(store)):
                    return told
                time.sleep(0.02)
                continue
            time.sleep(rng.uniform(0, 0.1))  # the work itself
            failures = told.done["failures"]
            try:
                persistently(told, partial(finished, store, claim))
                told.done[f"finished {claim.run_id}"] += 1
            except LeaseLostError:
                told.done["unsure"] += told.done["failures"] > failures


Result = TypeVar("Result")


def persistently(told: Told, call: Callable[[], Result]) -> Result:
    """What the call gives once the server is there for it; what it said meanwhile is told."""
    while True:
        try:
            return call()
        except LeaseLostError:
            raise  # for the caller to decide: trying again does not help
        except StoreError as error:
            told.done["failures"] += 1
            told.done[f"failed: {error}"] += 1
            time.sleep(0.1)


def claimed(store: Store, worker: str, lease: timedelta) -> Claim | None:
    """Claim in a transaction of its own."""
    with store.begin() as tx:
        return tx.runs.claim_next(worker, lease)


def finished(store: Store, claim: Claim) -> None:
    """Finish in a transaction of its own."""
    with store.begin() as tx:
        tx.runs.finish(claim, completed)


def completed(run: RunRecord) -> RunRecord:
    """The run at its end, which counts how often that was."""
    return one_more_token(run).model_copy(update={"status": RunStatus.COMPLETED})


def held_by_others(store: Store) -> bool:
    """Whether somebody may still fail to finish a run."""
    with store.read() as tx:
        return any(claim.worker is not None for claim in tx.runs.claims())


def come_and_go(url: str, seconds: float, seed: int) -> Told:
    """Add runs between those that are there, and delete only such runs again."""
    told, rng = Told(), random.Random(seed)
    mine: list[str] = []
    with open_store(url) as store:
        with store.read() as tx:
            pattern = next(tx.runs.iterate())
        for number in until(seconds):
            with store.begin() as tx:
                if mine and rng.random() < 0.5:
                    tx.runs.delete(mine.pop(rng.randrange(len(mine))))
                    told.done["deleted"] += 1
                else:
                    mine.append(f"run-{rng.randrange(5_000):04}-{number}")
                    tx.runs.add(pattern.model_copy(update={"run_id": mine[-1]}))
                    told.done["added"] += 1
    return told


def until(seconds: float) -> Iterator[int]:
    """Numbers from 0 on, until the time is over."""
    deadline, number = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        yield number
        number += 1

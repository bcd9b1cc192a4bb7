"""A bit that flips in the file of a store: the right answer or an error, never another record.

Lists and statistics read columns alone, which have no checksum there, and a damaged index can hide
a run. What is wrong with them is found by reading everything.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from sqlalchemy import text

from tandem_store import AutomationSpec, ReadTransaction, Store, StoreError, open_store, tables
from tandem_store.dump import lines_of
from tests.support.legacy_runs import definition
from tests.support.run_records import new_run

pytestmark = pytest.mark.sqlite

RUNS: Final = [
    new_run(
        f"run-{n:02}",
        hours=300 * (n % 3),
        status=("completed", "failed", "queued")[n % 3],
        detail=f"Wrote about {n} houses with blue doors",
        estimated_cost_usd=n / 7,
        total_tokens=1_000 + n,
        automation_snapshot=definition(f"auto-{n % 2}"),
    )
    for n in range(12)
]
RECORDS: Final = {run.run_id: run for run in RUNS}
DEFINITIONS: Final = {
    f"auto-{n}": AutomationSpec.model_validate(definition(f"auto-{n}")) for n in range(2)
}

Question = Callable[[ReadTransaction], Any]


@pytest.fixture
def file(store_url: str, tmp_path: Path) -> Path:
    """A store of a few runs, all of it in one file."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many(RUNS)
        for one in DEFINITIONS.values():
            tx.automations.put(one)
        tx.runs.claim_next("worker", timedelta(minutes=5))
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """The file with one bit the other way; as it was afterwards."""
    at, mask = bit // 8, 1 << bit % 8
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ mask]))
        file.flush()
        try:
            yield
        finally:
            file.seek(at)
            file.write(bytes([byte]))


def records(tx: ReadTransaction) -> dict[str, Any]:
    """Every record by its id."""
    return {run_id: tx.runs.get(run_id) for run_id in RECORDS}


def stream(tx: ReadTransaction) -> dict[str, Any]:
    """Every record as they come."""
    return {run.run_id: run for run in tx.runs.iterate()}


def definitions(tx: ReadTransaction) -> dict[str, Any]:
    """Every definition, one by one and as they come."""
    return {name: tx.automations.get(name) for name in DEFINITIONS} | {
        one.automation_id: one for one in tx.automations.iterate()
    }


#: What serves records, with what is true.
SERVING: Final[dict[str, tuple[Question, dict[str, Any]]]] = {
    "get": (records, RECORDS),
    "iterate": (stream, RECORDS),
    "automations": (definitions, DEFINITIONS),
}


def dumped(tx: ReadTransaction) -> list[Any]:
    """The dump without revisions and claims, which have no checksum."""
    lines = map(orjson.loads, lines_of(tx))
    return [{**line, "revision": None} for line in lines if line["kind"] != "claim"]


#: What reads columns alone; revisions are left out, as no checksum covers them.
COUNTING: Final[dict[str, Question]] = {
    "list": lambda tx: [replace(one, revision=0) for one in tx.runs.list().items],
    "count": lambda tx: tx.runs.count(),
    "stats": lambda tx: tx.runs.stats(),
    "months": lambda tx: tx.months.list(),
    "claims": lambda tx: [claim.run_id for claim in tx.runs.claims()],
    "quarantine": lambda tx: tx.quarantine.list(),
    "dump": dumped,
}


def answers(store: Store) -> dict[str, Any]:
    """The answer to every question; None where it was refused."""
    store._transactions.close_idle()  # what the connections have in memory was read before
    found: dict[str, Any] = {}
    for name, question in [*((n, q) for n, (q, _) in SERVING.items()), *COUNTING.items()]:
        try:
            with store.read() as tx:
                found[name] = question(tx)
        except StoreError:
            found[name] = None
    return found


def is_found_by_reading_everything(path: Path, store: Store) -> bool:
    """Whether the database or the store finds something wrong."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return True
        except sqlite3.Error:
            return True
    try:
        with store.read() as tx:
            months = {one.month.suffix for one in tx.months.states() if one.state == "attached"}
            names = tx.connection.execute(text("SELECT name FROM sqlite_master")).scalars()
            stored = {name[14:] for name in names if tables.MONTH_TABLE.fullmatch(name)}
            return months != stored or bool(list(tx.runs.damaged()))
    except StoreError:
        return True


def try_flips(path: Path, *, times: int, seed: int) -> Counter[str]:
    """Flip bits at random, one at a time, and count what came of each question."""
    used = [at for at, byte in enumerate(path.read_bytes()) if byte]
    rng, counts = random.Random(seed), Counter[str]()
    url = f"sqlite:///{path}"
    with open_store(url) as store:
        true = answers(store)
        assert None not in true.values()
        for number in range(times):
            bit = rng.choice(used) * 8 + rng.randrange(8)
            with flipped(path, bit):
                if number % 20 == 0:
                    with suppress(StoreError):
                        open_store(url).close()
                counts += judged(bit, path, store, true)
    return counts


def judged(bit: int, path: Path, store: Store, true: dict[str, Any]) -> Counter[str]:
    """What came of each question; fails if a record is not the true one, or damage is hidden."""
    counts, wrong = Counter[str](), set()
    found = answers(store)
    for name, answer in found.items():
        if answer is None:
            counts["refused"] += 1
        elif answer == true[name]:
            counts["right"] += 1
        else:
            counts[f"wrong {name}"] += 1
            wrong.add(name)
    wrong.discard("claims")  # nor are claims covered
    for name, (_, truth) in SERVING.items():
        served = found[name] or {}
        others = {key for key, one in served.items() if one not in (None, truth.get(key))}
        assert not others, f"bit {bit}: {name} served another record as {others}"
    if wrong:
        assert is_found_by_reading_everything(path, store), f"bit {bit}: {wrong}, unnoticed"
    return counts


def test_a_flipped_bit_is_never_served_as_a_record(file: Path) -> None:
    """Nor does it raise anything that is not the store's own error."""
    counts = try_flips(file, times=100, seed=1)

    assert counts["right"]
    assert counts["refused"]


@pytest.mark.slow
def test_thousands_of_flipped_bits(file: Path) -> None:
    """The same for longer; prints what came of them."""
    counts = try_flips(file, times=3_000, seed=2)

    print(f"\n3,000 flips: {dict(counts)}")
    assert counts["refused"]

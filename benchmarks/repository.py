"""``python -m benchmarks.repository``: what one call costs, at stores of several sizes.

Every call goes through the public API, in a transaction of its own, on runs chosen at random. The
last table compares one update with what the engine's old store did for each.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import orjson

from benchmarks.table import head, machine, row
from benchmarks.workload import Workload
from tandem_store import RunFilter, RunRecord, Store, TenantScope, open_store
from tandem_store.database import partitions, revisions
from tandem_store.legacy import compact_for_hot_storage, history_shard_path
from tandem_store.mapping import RunRows, rows_of
from tandem_store.runs.storage import insert_runs

#: Distinct runs; a larger store repeats their documents under other ids, times and tenants.
DISTINCT: Final = 1_000
TENANTS: Final = 20
#: 2016-01-01T00:00:00Z, where the first month begins.
START_MS: Final = 1_451_606_400_000
MONTH_MS: Final = 2_629_800_000
BATCH: Final = 1_000
LEASE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Case:
    """A store to measure."""

    runs: int
    months: int


CASES: Final = (Case(1_000, 14), Case(10_000, 14), Case(100_000, 14), Case(100_000, 120))


class Filled:
    """A store with runs in it, and which they are."""

    def __init__(self, store: Store, case: Case, *, seed: int, queued: int) -> None:
        self.store, self.rng = store, random.Random(seed)
        self.ids: list[str] = []
        self.moved: list[str] = []
        patterns = list(Workload(seed=seed, months=1).runs(min(case.runs, DISTINCT)))
        self.automations = sorted({one["automation_id"] for one in patterns})
        copies = [
            self._copy(patterns[n % len(patterns)], n, case, queued=n >= case.runs)
            for n in range(case.runs + queued)
        ]
        # By month, so that a batch makes one month at the most.
        copies.sort(key=lambda one: one.columns["month"])
        for first in range(0, len(copies), BATCH):
            batch = copies[first : first + BATCH]
            with store.begin() as tx:
                partitions.ensure(tx.connection, {one.month for one in batch})
                insert_runs(tx.connection, batch, imported=False)

    def _copy(self, pattern: dict[str, Any], number: int, case: Case, *, queued: bool) -> RunRows:
        at_ms = START_MS + int(self.rng.random() * case.months * MONTH_MS)
        run_id = f"run-{number:07}"
        if not queued:
            self.ids.append(run_id)
        changes = {
            "run_id": run_id,
            "created_at_ms": at_ms,
            "updated_at_ms": at_ms,
            "tenant_context": {"org_id": f"org-{number % TENANTS}", "workspace_id": "north"},
        }
        if queued:
            changes["status"] = "queued"
        return rows_of(pattern | changes)

    def get(self) -> None:
        """Read a whole run."""
        with self.store.read() as tx:
            assert tx.runs.get(self.rng.choice(self.ids)) is not None

    def newest(self) -> None:
        """List the newest runs."""
        self._list(RunFilter())

    def by_automation(self) -> None:
        """List the newest runs of an automation."""
        self._list(RunFilter(automation_id=self.rng.choice(self.automations)))

    def by_status(self) -> None:
        """List the newest failed runs."""
        self._list(RunFilter(status="failed"))

    def by_tenant(self) -> None:
        """List the newest runs of a tenant."""
        scope = TenantScope(org_id=f"org-{self.rng.randrange(TENANTS)}", workspace_id="north")
        with self.store.for_tenant(scope).read() as tx:
            assert tx.runs.list(limit=50).items

    def _list(self, run_filter: RunFilter) -> None:
        with self.store.read() as tx:
            assert tx.runs.list(run_filter, limit=50).items

    def move(self) -> None:
        """Change a run that was never touched; its document moves into the present month."""
        self.moved.append(self.ids.pop(self.rng.randrange(len(self.ids))))
        self._touch(self.moved[-1])

    def update(self) -> None:
        """Change a run of the present month."""
        self._touch(self.rng.choice(self.moved))

    def _touch(self, run_id: str) -> None:
        with self.store.begin() as tx:
            tx.runs.update(run_id, touched)

    def claim(self) -> None:
        """Take the oldest queued run."""
        with self.store.begin() as tx:
            assert tx.runs.claim_next("worker", LEASE) is not None

    def claim_of_tenant(self) -> None:
        """Take the oldest queued run of a tenant."""
        scope = TenantScope(org_id=f"org-{self.rng.randrange(TENANTS)}", workspace_id="north")
        with self.store.for_tenant(scope).begin() as tx:
            assert tx.runs.claim_next("worker", LEASE) is not None


def touched(run: RunRecord) -> RunRecord:
    """The run with a small change."""
    return run.model_copy(update={"detail": "touched"})


QUESTIONS: Final[tuple[tuple[str, Callable[[Filled], None]], ...]] = (
    ("get", Filled.get),
    ("list 50, newest", Filled.newest),
    ("by automation", Filled.by_automation),
    ("by status", Filled.by_status),
    ("by tenant", Filled.by_tenant),
    ("update, first of a run", Filled.move),
    ("update", Filled.update),
    ("claim", Filled.claim),
    ("of a tenant", Filled.claim_of_tenant),
)


def timed(call: Callable[[], None], samples: int) -> list[float]:
    """How long each of the calls took, in seconds, the shortest first."""
    for _ in range(20):
        call()  # connections and compiled statements are made once
    times = []
    for _ in range(samples):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return sorted(times)


def milliseconds(times: list[float]) -> str:
    """The median and the 99th percentile."""
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    return f"{p50 * 1e3:.2f} / {p99 * 1e3:.2f}"


@contextmanager
def new_store() -> Iterator[Store]:
    """An empty SQLite store that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tandem-store-bench-") as folder:
        url = f"sqlite:///{folder}/runs.db"
        revisions.upgrade(url)
        with open_store(url) as store:
            yield store


def measure(case: Case, *, samples: int, seed: int) -> list[str]:
    """What each question takes in a store of this size."""
    with new_store() as store:
        filled = Filled(store, case, seed=seed, queued=4 * samples)
        return [milliseconds(timed(partial(ask, filled), samples)) for _, ask in QUESTIONS]


class OldStore:
    """What the engine's old store did for one update, by the shortest way that Python has.

    Every run's shard is written anew beside its old one and renamed, then the hot file is
    written whole; records are dicts already, and orjson writes them.
    """

    def __init__(self, folder: Path, runs: list[RunRecord]) -> None:
        self._hot = folder / "data" / "automation_v2_runs.json"
        self._hot.parent.mkdir(parents=True)
        self._shards = [
            (history_shard_path(self._hot, run), {"schema_version": 1, "run": run.to_legacy()})
            for run in runs
        ]
        compacted = compact_for_hot_storage({run.run_id: run for run in runs}, {}, 2**62)
        self._envelope = {
            "schema_version": 1,
            "runs": {run_id: run.to_legacy() for run_id, run in compacted.items()},
        }
        for path, _ in self._shards:
            path.parent.mkdir(parents=True, exist_ok=True)

    def update(self) -> None:
        """Write everything."""
        for path, envelope in self._shards:
            beside = path.with_name(f".{path.name}.tmp")
            beside.write_bytes(orjson.dumps(envelope, option=orjson.OPT_INDENT_2))
            beside.replace(path)
        self._hot.write_bytes(orjson.dumps(self._envelope, option=orjson.OPT_INDENT_2))


def compare_with_old(runs: int, *, seed: int, rounds: int) -> None:
    """Print what one update takes in either store, taking turns."""
    records = [RunRecord.model_validate(one) for one in Workload(seed=seed, months=3).runs(runs)]
    with (
        tempfile.TemporaryDirectory(prefix="tandem-store-bench-") as folder,
        new_store() as store,
    ):
        old = OldStore(Path(folder) / "state", records)
        with store.begin() as tx:
            tx.runs.add_many(records)
        rng = random.Random(seed)

        def update() -> None:
            with store.begin() as tx:
                tx.runs.update(rng.choice(records).run_id, touched)

        times: dict[str, list[float]] = {"old": [], "new": []}
        for _ in range(rounds):
            times["old"] += timed_once(old.update)
            times["new"] += timed(update, 100)
        old_p50, new_p50 = (sorted(one)[len(one) // 2] for one in times.values())
        head("one update at", "every shard and the hot file", "this store", "ratio")
        row(
            f"{runs:,} runs",
            f"{old_p50 * 1e3:,.0f} ms",
            f"{new_p50 * 1e3:.2f} ms",
            f"{old_p50 / new_p50:,.0f}",
        )
        shutil.rmtree(Path(folder) / "state")


def timed_once(call: Callable[[], None]) -> list[float]:
    """How long one call took, in seconds."""
    began = time.perf_counter()
    call()
    return [time.perf_counter() - began]


@click.command()
@click.option("--samples", default=800, show_default=True, help="Calls of each kind.")
@click.option("--largest", default=100_000, show_default=True, help="Leave out larger stores.")
@click.option("--old-runs", default=4_000, show_default=True, help="Runs in the old store.")
@click.option("--seed", default=1, show_default=True)
def main(samples: int, largest: int, old_runs: int, seed: int) -> None:
    """Measure get, list, update and claim, then one update against the old store."""
    click.echo(f"{machine()}\n\nmilliseconds, p50 / p99 of {samples:,} calls\n")
    head("runs", "months", *(name for name, _ in QUESTIONS))
    for case in CASES:
        if case.runs > largest:
            continue
        row(f"{case.runs:,}", str(case.months), *measure(case, samples=samples, seed=seed))
    click.echo("")
    compare_with_old(old_runs, seed=seed, rounds=3)


if __name__ == "__main__":
    main()

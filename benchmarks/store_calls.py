"""The calls of a store: a program that fills one, and makes calls of the public API when asked.

Every call is in a transaction of its own, on runs chosen at random, the same for the same seed.
It uses nothing but the public API, so that it measures other commits, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from benchmarks.answering import answer
from benchmarks.peers.documents import documents
from tandem_store import (
    RunFilter,
    RunRecord,
    RunStatus,
    TenantContext,
    TenantScope,
    open_store,
    upgrade,
)

#: The first tenant has half of the runs, the others share the rest.
SMALL_TENANTS: Final = 19
WORKSPACE: Final = "north"
#: 2016-01-01T00:00:00Z, where the first month begins.
START_MS: Final = 1_451_606_400_000
MONTH_MS: Final = 2_629_800_000
BATCH: Final = 1_000
LEASE: Final = timedelta(minutes=5)


class Calls:
    """A store with runs in it, and everything that is asked of it."""

    def __init__(
        self, *, url: str, runs: int, months: int, queued: int, many: int, seed: int, **_: Any
    ) -> None:
        upgrade(url)
        self._store = open_store(url)
        self._rng, self._months, self._many = random.Random(seed), months, many
        self._patterns = [
            RunRecord.model_validate(one) for one in documents(runs=min(runs, 1_000), seed=seed)
        ]
        self._automations = sorted({one.automation_id for one in self._patterns})
        self._ids = [_run_id(number) for number in range(runs)]
        self._moved: list[str] = []
        self._added = runs + queued
        self._fill(runs, queued)

    def by_name(self) -> dict[str, Callable[[], Any]]:
        """Return the calls by the names that the tables have."""
        return {
            "get": self.get,
            "list of 50": lambda: self._list(RunFilter()),
            "list by automation": self.list_by_automation,
            "list by status": lambda: self._list(RunFilter(status="failed")),
            "list of a small tenant": self.list_of_small_tenant,
            "list of a big tenant by status": self.list_of_big_tenant_by_status,
            "update, first of a run": self.update_first,
            "update": self.update,
            "claim": self.claim,
            "claim of a tenant": self.claim_of_tenant,
            "add": self.add,
            "count by status": self.count_by_status,
            "stats": self.stats,
            "add_many": self.add_many,
            "contents": self.contents,
        }

    def _fill(self, runs: int, queued: int) -> None:
        numbers = range(runs + queued)
        at_ms = [self._any_time() for _ in numbers]
        # By time, so that a transaction has one month or two.
        ordered = sorted(numbers, key=at_ms.__getitem__)
        for first in range(0, len(ordered), BATCH):
            with self._store.begin() as tx:
                tx.runs.add_many(
                    self._record(number, at_ms[number], queued=number >= runs)
                    for number in ordered[first : first + BATCH]
                )

    def _any_time(self) -> int:
        return START_MS + int(self._rng.random() * self._months * MONTH_MS)

    def _record(self, number: int, at_ms: int, *, queued: bool = False) -> RunRecord:
        tenant = 0 if number % 2 else 1 + number // 2 % SMALL_TENANTS
        pattern = self._patterns[number % len(self._patterns)]
        return pattern.model_copy(
            update={
                "run_id": _run_id(number),
                "status": RunStatus.QUEUED if queued else pattern.status,
                "created_at_ms": at_ms,
                "updated_at_ms": at_ms,
                "tenant_context": TenantContext(org_id=_org(tenant), workspace_id=WORKSPACE),
            }
        )

    def _new_records(self, count: int) -> Iterator[RunRecord]:
        for _ in range(count):
            yield self._record(self._added, self._any_time())
            self._added += 1

    def get(self) -> None:
        """Read a complete run."""
        with self._store.read() as tx:
            assert tx.runs.get(self._rng.choice(self._ids)) is not None

    def list_by_automation(self) -> None:
        """List the newest runs of an automation."""
        self._list(RunFilter(automation_id=self._rng.choice(self._automations)))

    def list_of_small_tenant(self) -> None:
        """List the newest runs of a tenant with a fortieth of the runs."""
        self._list(RunFilter(), tenant=self._rng.randrange(SMALL_TENANTS) + 1)

    def list_of_big_tenant_by_status(self) -> None:
        """List the newest failed runs of the tenant with half of the runs."""
        self._list(RunFilter(status="failed"), tenant=0)

    def _list(self, run_filter: RunFilter, *, tenant: int | None = None) -> None:
        store = self._store if tenant is None else self._store.for_tenant(_scope(tenant))
        with store.read() as tx:
            assert tx.runs.list(run_filter, limit=50).items

    def update_first(self) -> None:
        """Change a run that was never changed; its document moves into the present month."""
        self._moved.append(self._ids[self._rng.randrange(len(self._ids))])
        self._touch(self._moved[-1])

    def update(self) -> None:
        """Change a run that was changed before, so its document is in the present month."""
        self._touch(self._rng.choice(self._moved or self._ids))

    def _touch(self, run_id: str) -> None:
        with self._store.begin() as tx:
            tx.runs.update(run_id, lambda run: run.changed(detail="touched"))

    def claim(self) -> None:
        """Claim the oldest queued run."""
        with self._store.begin() as tx:
            assert tx.runs.claim_next("worker", LEASE) is not None

    def claim_of_tenant(self) -> None:
        """Claim the oldest queued run of the big tenant."""
        with self._store.for_tenant(_scope(0)).begin() as tx:
            assert tx.runs.claim_next("worker", LEASE) is not None

    def add(self) -> None:
        """Add one run."""
        (record,) = self._new_records(1)
        with self._store.begin() as tx:
            tx.runs.add(record)

    def add_many(self) -> None:
        """Add many runs in one transaction."""
        with self._store.begin() as tx:
            tx.runs.add_many(self._new_records(self._many))

    def count_by_status(self) -> None:
        """Count the failed runs."""
        with self._store.read() as tx:
            assert tx.runs.count(RunFilter(status="failed"))

    def stats(self) -> None:
        """Count runs, tokens and cost by month and status."""
        with self._store.read() as tx:
            assert tx.runs.stats()

    def contents(self) -> dict[str, Any]:
        """Return what must be the same in every store that was asked the same."""
        with self._store.read() as tx:
            stats = tx.runs.stats()
            return {
                "runs": tx.runs.count(),
                "touched": tx.runs.count(RunFilter(text="touched")),
                "failed": sum(one.runs for one in stats if one.status == RunStatus.FAILED),
                "tokens": sum(one.total_tokens for one in stats),
                "claimed": sorted(claim.run_id for claim in tx.runs.claims()),
            }


def _run_id(number: int) -> str:
    return f"run-{number:07}"


def _org(tenant: int) -> str:
    return f"org-{tenant}"


def _scope(tenant: int) -> TenantScope:
    return TenantScope(org_id=_org(tenant), workspace_id=WORKSPACE)


if __name__ == "__main__":
    answer(lambda setup: Calls(**setup).by_name())

"""A store with many runs, quickly: some thousands that were added, the others copied from them.

The copies are rows of the table ``runs`` alone, with other ids and times. They have no documents,
so a question that needed one could not be answered.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Text, cast, insert, literal, select, text

from benchmarks.peers.documents import DISTINCT, documents
from tandem_store import RunRecord, Store, clock
from tandem_store.tables import runs

#: Runs that are added with their documents.
ADDED: Final = 10_000
#: The first tenant has half of the runs, the others share the rest.
SMALL_TENANTS: Final = 19
WORKSPACE: Final = "north"
DAY_MS: Final = 86_400_000
#: Over so many days the runs are spread, up to the present.
DAYS: Final = 730
_BATCH: Final = 1_000
#: Between two copies of a run, in milliseconds.
_APART_MS: Final = 37_000


def fill(store: Store, *, wanted: int, seed: int) -> None:
    """Fill an empty store with so many runs."""
    rng, now_ms = random.Random(seed), clock.now_ms()
    patterns = list(documents(runs=min(wanted, DISTINCT), seed=seed))
    added = min(wanted, ADDED)
    times = sorted(now_ms - int(rng.random() * DAYS * DAY_MS) for _ in range(added))
    for first in range(0, added, _BATCH):
        with store.begin() as tx:
            tx.runs.add_many(
                RunRecord.model_validate(_run(patterns[number % len(patterns)], number, times))
                for number in range(first, min(first + _BATCH, added))
            )
    for copy in range(1, wanted // added):
        _copy(store, copy)
    with store.begin() as tx:
        if tx.connection.dialect.name == "postgresql":
            tx.connection.execute(text("ANALYZE"))


def _run(pattern: dict[str, Any], number: int, times: list[int]) -> dict[str, Any]:
    later_ms = times[number] - pattern["created_at_ms"]
    moved = {
        name: pattern[name] + later_ms
        for name in ("created_at_ms", "updated_at_ms", "started_at_ms", "finished_at_ms")
    }
    tenant = 0 if number % 2 else 1 + number // 2 % SMALL_TENANTS
    own = {"org_id": f"org-{tenant}", "workspace_id": WORKSPACE, "source": "explicit"}
    made = {**pattern, **moved, "run_id": f"run-{number:07}", "tenant_context": own}
    return made | dict(_unfinished(made, number))


def _unfinished(run: dict[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    """Yield what is different about the few runs that go on, wait or back off."""
    kind = number % 500
    at_ms = run["updated_at_ms"]
    if kind > 4:
        return
    yield "finished_at_ms", None
    yield "status", ("running", "awaiting_approval", "queued", "queued", "paused")[kind]
    if kind == 1:
        gate = {"node_id": "sign", "title": f"Approve {number}?", "requested_at_ms": at_ms}
        yield "checkpoint", run["checkpoint"] | {"awaiting_gate": gate}
    elif kind == 2:
        yield "scheduler", {"queue_reason": "rate_limit", "rate_limited_provider": "acme-ai"}
    elif kind == 3:
        later = at_ms + DAY_MS * (1_000 if number % 1_000 < 500 else 0)
        yield "scheduler", {"queue_reason": "retry_backoff", "retry_after_ms": later}
    elif kind == 4:
        yield "pause_reason", "budget"


def _copy(store: Store, copy: int) -> None:
    """Add one more of each run that was added."""
    columns: dict[str, Any] = {column.name: column for column in runs.c}
    columns["run_id"] = runs.c.run_id.concat(cast(literal(f"-{copy}"), Text))
    for name in ("created_at_ms", "updated_at_ms", "started_at_ms", "finished_at_ms"):
        columns[name] = runs.c[name] - copy * _APART_MS
    rows = select(*columns.values()).where(runs.c.run_id.not_like("%-%-%"))
    with store.begin() as tx:
        tx.connection.execute(insert(runs).from_select(list(columns), rows))

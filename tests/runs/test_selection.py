"""One filter, the same for lists, counts, streams and statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tandem_store import RunFilter, Store
from tests.support.legacy_runs import CREATED_MS, LOCAL_TENANT
from tests.support.run_records import new_run

CREATED = datetime.fromtimestamp(CREATED_MS / 1_000, UTC)
MS = timedelta(milliseconds=1)

RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "failed": {
        "status": "failed",
        "checkpoint": {"last_failure": {"node_id": "n", "reason": "100% NO", "failed_at_ms": 1}},
    },
    "stopped": {"status": "cancelled", "stop_kind": "panic", "detail": "Order 66, CAFÉ"},
    "queued": {"status": "queued", "trigger_type": "cron", "created_at_ms": CREATED_MS + 1},
    "foreign": {
        "automation_id": "auto\0two",
        "tenant_context": LOCAL_TENANT | {"org_id": "acme", "workspace_id": "north"},
        "finished_at_ms": CREATED_MS + 9,
    },
}

CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set(RUNS)),
    ({"status": "failed"}, {"failed"}),
    ({"status": {"failed", "queued"}}, {"failed", "queued"}),
    ({"status": set()}, set()),
    ({"automation_id": "auto\0two"}, {"foreign"}),
    ({"automation_id": {"auto-1"}, "status": "completed"}, {"plain"}),
    ({"trigger_type": "cron"}, {"queued"}),
    ({"stop_kind": "panic"}, {"stopped"}),
    ({"org_id": "acme", "workspace_id": "north"}, {"foreign"}),
    ({"org_id": "acme", "workspace_id": "south"}, set()),
    ({"created_from": CREATED + MS}, {"queued"}),
    ({"created_from": CREATED + MS / 2}, {"queued"}),
    ({"created_to": CREATED + MS}, set(RUNS) - {"queued"}),
    ({"created_to": CREATED}, set()),
    ({"finished_from": CREATED}, {"foreign"}),
    ({"finished_to": CREATED + 9 * MS}, set()),
    ({"updated_from": CREATED + timedelta(days=1)}, set()),
    ({"text": "order 6"}, {"stopped"}),
    ({"text": "% no"}, {"failed"}),
    ({"text": "o_der"}, set()),
    ({"text": "caf"}, {"stopped"}),
    ({"text": "cafÉ"}, {"stopped"}),
    ({"text": "É"}, {"stopped"}),
    ({"text": "é"}, set()),
    ({"text": "x" * 1_000}, set()),
    ({"text": "É" * 1_000}, set()),
    ({"text": "%_/\\" * 250}, set()),
    ({"automation_id": {f"auto-{n}" for n in range(10_000)}}, set(RUNS) - {"foreign"}),
    ({"text": "auto\0"}, {"foreign"}),
    ({"terminal": True}, set(RUNS) - {"queued"}),
    ({"terminal": False}, {"queued"}),
]


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with the runs above."""
    with store.begin() as tx:
        for run_id, fields in RUNS.items():
            tx.runs.add(new_run(run_id, **fields))
    return store


def test_every_way_of_asking_agrees_on_what_a_filter_lets_pass(filled: Store) -> None:
    """A list, a count, a stream and the statistics of one filter are about the same runs."""
    with filled.read() as tx:
        for conditions, expected in CASES:
            run_filter = RunFilter(**conditions)
            listed = {run.run_id for run in tx.runs.list(run_filter).items}
            assert listed == expected, conditions
            assert tx.runs.count(run_filter) == len(expected), conditions
            assert {run.run_id for run in tx.runs.iterate(run_filter)} == expected, conditions
            counted = sum(entry.runs for entry in tx.runs.stats(run_filter))
            assert counted == len(expected), conditions

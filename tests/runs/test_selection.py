"""One filter, the same for lists, counts, streams and statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tandem_store import RunFilter, Store
from tests.support.legacy_runs import CREATED_MS, LOCAL_TENANT, definition
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
    "south": {
        "tenant_context": LOCAL_TENANT | {"org_id": "acme", "deployment_id": "eu"},
        "effective_execution_profile": "yolo",
        "workflow_definition_version": "v\0 7",
        "started_at_ms": CREATED_MS,
        "finished_at_ms": CREATED_MS + 60_000,
        "estimated_cost_usd": 0.5,
        "total_tokens": 1_000,
    },
    "gate": {
        "status": "running",
        "checkpoint": {
            "awaiting_gate": {"node_id": "sign", "title": "Send It?", "requested_at_ms": 5}
        },
    },
    "blocked": {
        "status": "blocked",
        "checkpoint": {
            "blocked_nodes": ["upload"],
            "awaiting_gate": {"node_id": "sign", "title": "left open", "requested_at_ms": 5},
        },
    },
    "named": {
        "automation_snapshot": definition("auto-1", name="Nightly\0", workspace_root="/srv/nightly")
    },
    "paused": {"status": "paused", "pause_reason": "budget"},
    "limited": {
        "status": "queued",
        "scheduler": {"queue_reason": "rate_limit", "rate_limited_provider": "acme-ai"},
    },
}
#: Those that are not terminal.
OPEN = {"queued", "limited", "gate", "paused"}

CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set(RUNS)),
    ({"status": "failed"}, {"failed"}),
    ({"status": {"failed", "queued"}}, {"failed", "queued", "limited"}),
    ({"status": set()}, set()),
    ({"automation_id": "auto\0two"}, {"foreign"}),
    ({"automation_id": {"auto-1"}, "status": "completed"}, {"plain", "south", "named"}),
    ({"trigger_type": "cron"}, {"queued"}),
    ({"stop_kind": "panic"}, {"stopped"}),
    ({"org_id": "acme", "workspace_id": "north"}, {"foreign"}),
    ({"org_id": "acme", "workspace_id": "south"}, set()),
    ({"created_from": CREATED + MS}, {"queued"}),
    ({"created_from": CREATED + MS / 2}, {"queued"}),
    ({"created_to": CREATED + MS}, set(RUNS) - {"queued"}),
    ({"created_to": CREATED}, set()),
    ({"finished_from": CREATED}, {"foreign", "south"}),
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
    ({"terminal": True}, set(RUNS) - OPEN),
    ({"terminal": False}, OPEN),
    ({"run_id": {"plain", "gate", "nobody"}}, {"plain", "gate"}),
    ({"deployment_id": "eu"}, {"south"}),
    ({"automation_name": "Nightly\0"}, {"named"}),
    ({"definition_version": {"v\0 7", "v8"}}, {"south"}),
    ({"execution_profile": "yolo"}, {"south"}),
    ({"execution_profile": "strict"}, set(RUNS) - {"south"}),
    ({"group": "active"}, set()),
    ({"group": "waiting"}, {"gate", "blocked", "paused"}),
    ({"group": {"waiting", "active"}}, {"gate", "blocked", "paused"}),
    ({"group": "queued"}, {"queued", "limited"}),
    ({"group": ["failed", "queued"]}, {"failed", "stopped", "queued", "limited"}),
    ({"group": "completed"}, {"plain", "foreign", "south", "named"}),
    ({"group": set()}, set()),
    ({"waits_for": "approval"}, {"gate"}),
    ({"waits_for": {"blocked_node", "pause"}}, {"blocked", "paused"}),
    ({"waits_for": "rate_limit", "group": "queued"}, {"limited"}),
    ({"due": True}, {"queued", "limited"}),
    ({"due": False}, set()),
    ({"stuck_for": timedelta(hours=1)}, {"queued", "limited", "gate"}),
    ({"stuck_for": timedelta(days=365 * 100)}, set()),
    ({"min_duration": timedelta(minutes=1)}, {"south"}),
    ({"min_duration": timedelta(minutes=1, microseconds=1)}, set()),
    ({"min_duration": timedelta()}, {"south"}),
    ({"min_cost_usd": 0.5}, {"south"}),
    ({"min_cost_usd": 0.5000001}, set()),
    ({"min_cost_usd": 0}, set(RUNS)),
    ({"min_tokens": 1_000}, {"south"}),
    ({"min_tokens": 1_001}, set()),
    ({"text": "send it"}, {"gate"}),
    ({"text": "SIGN"}, {"gate"}),
    ({"text": "left open"}, set()),
    ({"text": "acme-ai"}, {"limited"}),
    ({"text": "acme"}, {"foreign", "south", "limited"}),
    ({"text": "nightly\0"}, {"named"}),
    ({"text": "/srv/nightly"}, {"named"}),
    ({"text": "cron"}, {"queued"}),
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

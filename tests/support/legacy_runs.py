"""Runs and definitions with the fields that the engine writes, whole, hollowed out or stripped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

Json = dict[str, Any]

#: 2026-05-20T00:00:00Z, when runs are created unless told otherwise.
CREATED_MS: Final = 1_779_235_200_000
HOUR_MS: Final = 3_600_000
#: Added to a time, this leads into the next month, never past it.
MONTH_MS: Final = 30 * 24 * HOUR_MS
LOCAL_TENANT: Final = {"org_id": "local", "workspace_id": "local", "source": "local_implicit"}

_RUN_ORDER: Final = (
    "run_id",
    "automation_id",
    "tenant_context",
    "trigger_type",
    "status",
    "created_at_ms",
    "updated_at_ms",
    "started_at_ms",
    "finished_at_ms",
    "active_session_ids",
    "latest_session_id",
    "active_instance_ids",
    "checkpoint",
    "runtime_context",
    "automation_snapshot",
    "pause_reason",
    "resume_reason",
    "detail",
    "stop_kind",
    "stop_reason",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "estimated_cost_usd",
    "scheduler",
    "trigger_reason",
    "consumed_handoff_id",
    "learning_summary",
    "effective_execution_profile",
    "requested_execution_profile",
)


def run(run_id: str, *, nodes: Iterable[str] = (), hours: int = 1, **fields: Any) -> Json:
    """A completed run, ``hours`` long, with an output per node and every field always written."""
    names = list(nodes)
    made: Json = {
        "run_id": run_id,
        "automation_id": "auto-1",
        "tenant_context": LOCAL_TENANT,
        "trigger_type": "manual",
        "status": "completed",
        "created_at_ms": CREATED_MS,
        "updated_at_ms": CREATED_MS + hours * HOUR_MS,
        "active_session_ids": [],
        "active_instance_ids": [],
        "checkpoint": checkpoint(
            completed_nodes=names,
            node_outputs={name: {"node_id": name, "text": f"{name} of {run_id}"} for name in names},
            node_attempts=dict.fromkeys(names, 1),
        ),
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "estimated_cost_usd": 0.0,
        "effective_execution_profile": "strict",
    }
    made |= fields
    known = {name: made[name] for name in _RUN_ORDER if name in made}
    return known | made


def full_run(run_id: str, **fields: Any) -> Json:
    """A run that has all the parts which the old compaction takes away."""
    parts: Json = {
        "nodes": ("draft", "review"),
        "runtime_context": {"routines": []},
        "automation_snapshot": definition("auto-1"),
    }
    return run(run_id, **(parts | fields))


def checkpoint(**fields: Any) -> Json:
    """A checkpoint with the seven fields that are always written."""
    empty: Json = {
        "completed_nodes": [],
        "pending_nodes": [],
        "node_outputs": {},
        "node_attempts": {},
        "node_attempt_verdicts": {},
        "blocked_nodes": [],
        "gate_history": [],
        "lifecycle_history": [],
    }
    return empty | fields


def definition(automation_id: str, **fields: Any) -> Json:
    """The smallest definition that the engine writes."""
    made: Json = {
        "automation_id": automation_id,
        "name": f"Automation {automation_id}",
        "status": "active",
        "schedule": {
            "type": "manual",
            "timezone": "UTC",
            "misfire_policy": {"type": "run_once"},
        },
        "knowledge": {
            "enabled": True,
            "reuse_mode": "preflight",
            "trust_floor": "promoted",
            "read_spaces": [],
            "promote_spaces": [],
        },
        "agents": [],
        "flow": {"nodes": []},
        "execution": {"profile": "strict"},
        "output_targets": [],
        "created_at_ms": CREATED_MS - HOUR_MS,
        "updated_at_ms": CREATED_MS - HOUR_MS,
        "creator_id": "user-1",
    }
    return made | fields


def stripped(full: Json, *, outputs: bool = True, snapshot: bool = True, **fields: Any) -> Json:
    """The same run as the old compaction left it in the hot file."""
    gone = {"runtime_context"} if outputs else set()
    gone |= {"automation_snapshot"} if snapshot else set()
    left = {name: value for name, value in full.items() if name not in gone}
    if outputs:
        left["checkpoint"] = full["checkpoint"] | {"node_outputs": {}}
    return left | fields


def damaged(run_id: str, **fields: Any) -> Json:
    """A run that the engine could not read: its status is missing."""
    entry = full_run(run_id, **fields)
    del entry["status"]
    return entry


def corrupt_stub(run_id: str, *, hours: int = 2, **fields: Any) -> Json:
    """What the engine wrote over a run whose entry it could not read: well-formed, but hollow."""
    at_ms = CREATED_MS + hours * HOUR_MS
    why = "automation run checkpoint could not be parsed during startup: missing field `status`"
    event = {
        "event": "run_blocked_corrupt_checkpoint",
        "recorded_at_ms": at_ms,
        "reason": why,
        "metadata": {"parse_error": "missing field `status`", "run_id_key": run_id},
    }
    hollow = checkpoint(
        blocked_nodes=["checkpoint"],
        lifecycle_history=[event],
        last_failure={"node_id": "checkpoint", "reason": why, "failed_at_ms": at_ms},
    )
    shape: Json = {
        "trigger_type": "recovered",
        "status": "blocked",
        "finished_at_ms": at_ms,
        "checkpoint": hollow,
        "detail": why,
        "stop_reason": why,
    }
    return run(run_id, hours=hours, **(shape | fields))


def context_stub(run_id: str, *, hours: int = 2, **fields: Any) -> Json:
    """What the engine made out of a context-run folder and then saved like any other run."""
    snapshot = definition("auto-1", creator_id="context-run-recovery", name="Recovered")
    shape: Json = {
        "trigger_type": "recovered_context_run",
        "checkpoint": checkpoint(completed_nodes=["draft"]),
        "automation_snapshot": snapshot | {"metadata": {"recovered_from": "context_run"}},
    }
    return run(run_id, hours=hours, **(shape | fields))


def context_state(run_id: str, *, hours: int = 1, status: str = "completed") -> Json:
    """The ``run_state.json`` of a context-run folder."""
    return {
        "run_id": f"automation-v2-{run_id}",
        "run_type": "automation_v2",
        "tenant_context": LOCAL_TENANT,
        "status": status,
        "objective": "Write the weekly report",
        "workspace": {"canonical_path": "/srv/tandem/ws-1"},
        "steps": [{"step_id": "draft", "title": "Draft", "status": "done"}],
        "tasks": [{"payload": {"automation_id": "auto-1", "node_id": "draft"}}],
        "created_at_ms": CREATED_MS,
        "updated_at_ms": CREATED_MS + hours * HOUR_MS,
    }

"""Sample runs: small, the same at every call, and with what a real run of their state has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Unpack

from tandem_store.records import RunRecord
from tandem_store.records.changes import RunChanges

#: 2026-05-20T00:00:00Z in milliseconds: when a sample run was created unless you say otherwise.
CREATED_AT_MS: Final = 1_779_235_200_000
_MINUTE_MS: Final = 60_000
_NODES: Final = ("draft", "review", "publish")


def sample_run(run_id: str = "run-1", **fields: Unpack[RunChanges]) -> RunRecord:
    """Return a queued run with three pending nodes, and the ``fields`` that you give it.

    Raises as ``RunRecord.changed`` does.

    >>> sample_run("run-7", status="paused").status
    <RunStatus.PAUSED: 'paused'>
    """
    run = RunRecord.model_validate(
        {
            "run_id": run_id,
            "automation_id": "newsletter",
            "trigger_type": "manual",
            "status": "queued",
            "created_at_ms": CREATED_AT_MS,
            "updated_at_ms": CREATED_AT_MS,
            "checkpoint": _checkpoint(done=0),
        }
    )
    return run.changed(**fields) if fields else run


def one_of_each() -> tuple[RunRecord, ...]:
    """Return one run in each state that people look for, the newest created first.

    Their ids are their statuses; the older one was created a minute earlier.
    """
    return tuple(_in_state(age, status) for age, status in enumerate(_STATES))


def _in_state(age: int, status: str) -> RunRecord:
    created_at_ms = CREATED_AT_MS - age * _MINUTE_MS
    fields: dict[str, Any] = {
        "status": status,
        "created_at_ms": created_at_ms,
        "updated_at_ms": created_at_ms + 5_000,
        "prompt_tokens": 1_000,
        "completion_tokens": 200,
        "total_tokens": 1_200,
        "estimated_cost_usd": 0.012,
        **_STATES[status](created_at_ms),
    }
    return sample_run(status, **fields)


def _checkpoint(*, done: int, **more: Any) -> dict[str, Any]:
    return {
        "completed_nodes": list(_NODES[:done]),
        "pending_nodes": list(_NODES[done:]),
        "node_outputs": {node: {"text": f"the {node}"} for node in _NODES[:done]},
        "node_attempts": dict.fromkeys(_NODES[:done], 1),
        **more,
    }


def _queued(_: int) -> Mapping[str, Any]:
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "estimated_cost_usd": 0}


def _running(created_at_ms: int) -> Mapping[str, Any]:
    return {"started_at_ms": created_at_ms + 1_000, "checkpoint": _checkpoint(done=1)}


def _awaiting_approval(created_at_ms: int) -> Mapping[str, Any]:
    gate = {
        "node_id": "publish",
        "title": "Publish the newsletter?",
        "decisions": ["approve", "reject"],
        "requested_at_ms": created_at_ms + 5_000,
    }
    return {
        "started_at_ms": created_at_ms + 1_000,
        "checkpoint": _checkpoint(done=2, awaiting_gate=gate),
    }


def _completed(created_at_ms: int) -> Mapping[str, Any]:
    return {
        "started_at_ms": created_at_ms + 1_000,
        "finished_at_ms": created_at_ms + 5_000,
        "checkpoint": _checkpoint(done=3),
    }


def _failed(created_at_ms: int) -> Mapping[str, Any]:
    failure = {
        "node_id": "review",
        "reason": "The model returned no answer.",
        "failed_at_ms": created_at_ms + 5_000,
    }
    return {
        "started_at_ms": created_at_ms + 1_000,
        "finished_at_ms": created_at_ms + 5_000,
        "checkpoint": _checkpoint(done=1, last_failure=failure),
        "detail": "The model returned no answer.",
    }


_STATES: Final = {
    "queued": _queued,
    "running": _running,
    "awaiting_approval": _awaiting_approval,
    "completed": _completed,
    "failed": _failed,
}

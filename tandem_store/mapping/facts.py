"""What people ask of a run and only its record knows, as columns of ``runs``.

A question over all runs cannot read documents, so these columns repeat what the document says. They
are made anew with every write, no record is ever read from them, and a value that a column cannot
hold is cut to the nearest one instead of keeping the run out of the store.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from tandem_store.records.enums import QueueReason, RunStatus, WaitsFor

#: The greatest number that a counter or time column holds.
LARGEST_BIGINT: Final = 2**63 - 1
#: A run with one of these waits for nothing, whatever it was waiting for when it ended.
_OVER: Final = frozenset((RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED))
#: The outcomes of a validator that the engine does not count as passed, in lower case.
_NOT_PASSED: Final = frozenset(("failed", "blocked", "accepted_with_warnings"))
_NEEDS_REPAIR: Final = ("needs_repair",)
_STRICT: Final = "strict"
_NONE: Final[Mapping[str, Any]] = {}
_NO_GATE: Final = {
    "gate_node": None,
    "gate_requested_at_ms": None,
    "gate_expires_at_ms": None,
}


def facts_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that repeat a well-formed legacy record, its snapshot included."""
    checkpoint = record["checkpoint"]
    snapshot = record.get("automation_snapshot") or _NONE
    attempts = checkpoint.get("node_attempts") or _NONE
    return {
        "automation_name": snapshot.get("name"),
        "workspace_root": snapshot.get("workspace_root"),
        "execution_profile": record.get("effective_execution_profile", _STRICT),
        "definition_version": record.get("workflow_definition_version"),
        "duration_ms": _duration(record),
        **_waiting(record, checkpoint),
        **_last_event(checkpoint.get("lifecycle_history")),
        "attempts": held(sum(attempts.values())),
        "nodes_attempted": len(attempts),
        **_verdicts(checkpoint),
        "gates_decided": len(checkpoint.get("gate_history") or ()),
    }


def held(number: int) -> int:
    """Return the number, or the greatest that a column can hold."""
    return min(number, LARGEST_BIGINT)


def _duration(record: Mapping[str, Any]) -> int | None:
    """Return the milliseconds from start to end; None if one is missing or they are swapped."""
    started, finished = record.get("started_at_ms"), record.get("finished_at_ms")
    if started is None or finished is None or finished < started:
        return None
    return int(finished - started)


def _waiting(record: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run waits for: of several things, the one that the engine shows."""
    status, scheduler = record["status"], record.get("scheduler") or _NONE
    kind: str | None = None
    detail: str | None = None
    gate = None
    if status not in _OVER:
        # A blocked run has ended too, so a gate that was left open is not what it waits for.
        gate = checkpoint.get("awaiting_gate") if status != RunStatus.BLOCKED else None
        kind, detail = _waits_for(record, checkpoint, gate, scheduler)
    return {
        "waits_for": kind,
        "waits_for_detail": detail,
        **(_NO_GATE if gate is None else _gate(gate)),
        "not_due_before_ms": _not_due_before(scheduler) if status == RunStatus.QUEUED else None,
    }


def _waits_for(
    record: Mapping[str, Any],
    checkpoint: Mapping[str, Any],
    gate: Mapping[str, Any] | None,
    scheduler: Mapping[str, Any],
) -> tuple[str | None, str | None]:
    """Return the kind of thing that a run waits for, and which one."""
    if gate is not None:
        return WaitsFor.APPROVAL.value, gate["title"]
    if (reason := scheduler.get("queue_reason")) is not None:
        return reason, scheduler.get("resource_key") or scheduler.get("rate_limited_provider")
    if blocked := checkpoint.get("blocked_nodes"):
        return WaitsFor.BLOCKED_NODE.value, blocked[0]
    if (pause := record.get("pause_reason")) is not None:
        return WaitsFor.PAUSE.value, pause
    return None, None


def _gate(gate: Mapping[str, Any]) -> dict[str, Any]:
    requested = gate["requested_at_ms"]
    after = (gate.get("expiry_policy") or _NONE).get("expires_after_ms")
    return {
        "gate_node": gate["node_id"],
        "gate_requested_at_ms": held(requested),
        "gate_expires_at_ms": None if after is None else held(requested + after),
    }


def _not_due_before(scheduler: Mapping[str, Any]) -> int | None:
    after = scheduler.get("retry_after_ms")
    if after is None or scheduler.get("queue_reason") != QueueReason.RETRY_BACKOFF:
        return None
    return held(after)


def _last_event(history: list[Mapping[str, Any]] | None) -> dict[str, Any]:
    last = history[-1] if history else _NONE
    at = last.get("recorded_at_ms")
    return {
        "last_event": last.get("event"),
        "last_event_at_ms": None if at is None else held(at),
    }


def _verdicts(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many outputs did not pass, and whether one needs repair.

    Both are None for a run whose outputs the engine removed: nobody knows.
    """
    outputs = checkpoint.get("node_outputs")
    if not outputs and checkpoint.get("completed_nodes"):
        return {"outputs_failed_validation": None, "needs_repair": None}
    values = [value for value in (outputs or _NONE).values() if isinstance(value, dict)]
    return {
        "outputs_failed_validation": sum(map(_failed_validation, values)),
        "needs_repair": any(_is_one_of(value.get("status"), _NEEDS_REPAIR) for value in values),
    }


def _failed_validation(value: Mapping[str, Any]) -> bool:
    summary = value.get("validator_summary")
    return isinstance(summary, dict) and _is_one_of(summary.get("outcome"), _NOT_PASSED)


def _is_one_of(word: object, words: Collection[str]) -> bool:
    """Return whether a JSON value is one of the words, in any case of its ASCII letters."""
    return isinstance(word, str) and word.isascii() and word.lower() in words

"""The blocked run that the engine writes over an entry of the hot file that it cannot read.

Nothing of the checkpoint is kept, and most other fields are lost even where they are good.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import WHITE_SPACE
from tandem_store.records import (
    AutomationSpec,
    ExecutionProfile,
    Record,
    RunStatus,
    TenantContext,
    WorkflowLearningRunSummary,
)
from tandem_store.records.reading import read, read_run, u64

_Kept = TypeVar("_Kept", bound=Record)

#: By these the engine's stub is recognised: its only blocked node and its only lifecycle event.
_NODE: Final = "checkpoint"
_EVENT: Final = "run_blocked_corrupt_checkpoint"
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def recover_entry(key: str, value: Any, *, error: str, now_ms: int) -> dict[str, Any]:
    """Return the blocked run that replaces a damaged entry, as the engine would write it.

    ``key`` is the entry's key in its file, ``error`` says why it is damaged, and ``now_ms`` is the
    time of recovery in milliseconds since 1970, UTC.

    Raises:
        LegacyFormatError: the entry is not an object, or does not name its automation.
    """
    entry, automation_id = _recoverable(value)
    reason = f"automation run checkpoint could not be parsed during startup: {error}"
    recovered = {
        "run_id": _text(entry, "run_id", blank=False) or key,
        "automation_id": automation_id,
        "trigger_type": _first(_text(entry, "trigger_type"), "recovered"),
        "status": RunStatus.BLOCKED,
        "created_at_ms": _first(u64(entry.get("created_at_ms")), now_ms),
        "updated_at_ms": now_ms,
        "finished_at_ms": now_ms,
        "checkpoint": _checkpoint(key, error, reason, now_ms),
        "detail": reason,
        "stop_reason": reason,
    }
    return read_run(recovered | _salvaged(entry)).to_legacy()


def is_corrupt_entry_stub(record: dict[str, Any]) -> bool:
    """Whether the engine made a valid record by recovering a damaged entry."""
    checkpoint = record["checkpoint"]
    history = checkpoint.get("lifecycle_history", ())
    return (
        len(history) == 1
        and history[0].get("event") == _EVENT
        and checkpoint.get("blocked_nodes") == [_NODE]
    )


def _recoverable(value: Any) -> tuple[dict[str, Any], str]:
    if not isinstance(value, dict):
        raise LegacyFormatError("corrupt automation v2 run entry is not recoverable")
    automation_id = _text(value, "automation_id", blank=False)
    if automation_id is None:
        raise LegacyFormatError("corrupt automation v2 run entry is missing automation_id")
    return value, automation_id


def _checkpoint(key: str, error: str, reason: str, now_ms: int) -> dict[str, Any]:
    event = {
        "event": _EVENT,
        "recorded_at_ms": now_ms,
        "reason": reason,
        "metadata": {"run_id_key": key, "parse_error": error},
    }
    return {
        "blocked_nodes": [_NODE],
        "lifecycle_history": [event],
        "last_failure": {"node_id": _NODE, "reason": reason, "failed_at_ms": now_ms},
    }


def _salvaged(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are kept because they are valid; all others take their defaults."""
    kept: dict[str, Any] = {
        "tenant_context": _record(TenantContext, entry, "tenant_context"),
        "automation_snapshot": _record(AutomationSpec, entry, "automation_snapshot"),
        "learning_summary": _record(WorkflowLearningRunSummary, entry, "learning_summary"),
        "effective_execution_profile": _profile(entry, "effective_execution_profile"),
        "requested_execution_profile": _profile(entry, "requested_execution_profile"),
        "trigger_reason": _text(entry, "trigger_reason"),
        "consumed_handoff_id": _text(entry, "consumed_handoff_id"),
        "started_at_ms": u64(entry.get("started_at_ms")),
        "estimated_cost_usd": _number(entry, "estimated_cost_usd"),
    }
    kept |= {name: u64(entry.get(name)) for name in _TOKENS}
    return {name: value for name, value in kept.items() if value is not None}


def _record(record: type[_Kept], entry: dict[str, Any], name: str) -> _Kept | None:
    try:
        return read(record, entry.get(name))
    except LegacyFormatError:
        return None


def _profile(entry: dict[str, Any], name: str) -> str | None:
    value = _text(entry, name)
    return value if value in set(ExecutionProfile) else None


def _text(entry: dict[str, Any], name: str, *, blank: bool = True) -> str | None:
    """Return the string in a field, not trimmed; ``None`` if there is no string.

    With ``blank=False``, a blank string does not count either.
    """
    value = entry.get(name)
    if isinstance(value, str) and (blank or value.strip(WHITE_SPACE)):
        return value
    return None


def _number(entry: dict[str, Any], name: str) -> float | None:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _first(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value

"""One copy of a run as the importer sees it: what it is, whose, and how much of it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from hashlib import sha256
from typing import Any, Final

from tandem_store.jsontext import canonical
from tandem_store.records import RECOVERED_CONTEXT_RUN, TERMINAL_STATUSES

CONTEXT_CREATOR: Final = "context-run-recovery"
CORRUPT_EVENT: Final = "run_blocked_corrupt_checkpoint"
CORRUPT_NODE: Final = "checkpoint"


class Kind(IntEnum):
    """How much a copy can be trusted; the smaller, the more."""

    WELL_FORMED = 1
    STUB = 2
    DAMAGED = 3


class Part(IntFlag):
    """What a copy has, and what the engine's compaction may have taken from it."""

    OUTPUTS = 1
    RUNTIME_CONTEXT = 2
    SNAPSHOT = 4
    GATE = 8
    TERMINAL = 16
    COMPLETED_NODES = 32


#: Parts that compaction strips and another copy can give back, with the record field of each.
RESTORABLE: Final = {
    Part.OUTPUTS: "node_outputs",
    Part.RUNTIME_CONTEXT: "runtime_context",
    Part.SNAPSHOT: "automation_snapshot",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the choice between copies needs to know of one, small enough to keep for all of them.

    ``tenant`` and ``automation`` are 8-byte digests that are only compared. ``updated_at_ms`` is
    the time that dates the copy; ``outputs`` is the number of node outputs.
    """

    kind: Kind
    run_id: str
    digest: bytes
    month_at_ms: int
    updated_at_ms: int
    outputs: int
    parts: Part
    tenant: bytes
    automation: bytes
    ignored: bool

    @property
    def terminal(self) -> bool:
        """Whether the run had ended."""
        return Part.TERMINAL in self.parts


def record_digest(record: Any) -> bytes:
    """SHA-256 of the record's JSON with sorted keys: equal content, equal digest, in any layout."""
    return sha256(canonical(record)).digest()


def facts_of(record: dict[str, Any]) -> Facts:
    """The facts of a well-formed record (a stub is one, too), given as the dict that was read."""
    parts = _parts(record)
    return Facts(
        kind=Kind.STUB if is_stub(record) else Kind.WELL_FORMED,
        run_id=record["run_id"],
        digest=record_digest(record),
        month_at_ms=max(record["updated_at_ms"], record["created_at_ms"]),
        updated_at_ms=record["updated_at_ms"],
        outputs=len(record["checkpoint"].get("node_outputs", ())),
        parts=parts,
        tenant=tenant_mark(record.get("tenant_context")),
        automation=_mark(record["automation_id"]),
        ignored=record["trigger_type"] == RECOVERED_CONTEXT_RUN and Part.TERMINAL not in parts,
    )


def facts_of_damaged(recovered: dict[str, Any], digest: bytes) -> Facts:
    """The facts of a damaged entry, from the run that recovery makes of it.

    ``digest`` is that of the entry's bytes, because there is no record to take it from.
    """
    return replace(facts_of(recovered), kind=Kind.DAMAGED, digest=digest, ignored=False)


def time_of_damaged(entry: dict[str, Any], *, mtime_ms: int) -> int:
    """The time to recover a damaged entry at: its own newest word, else the file's.

    A recovery that took the present moment would give another result at every attempt.
    """
    for name in ("updated_at_ms", "finished_at_ms", "created_at_ms"):
        value = entry.get(name)
        if type(value) is int and 0 <= value < 2**64:
            return value
    return mtime_ms


def is_stub(record: dict[str, Any]) -> bool:
    """Whether the engine itself made this record up over a run that it could not read."""
    return _is_corrupt_entry_stub(record["checkpoint"]) or _is_context_stub(record)


def _is_corrupt_entry_stub(checkpoint: dict[str, Any]) -> bool:
    history = checkpoint.get("lifecycle_history", ())
    return (
        len(history) == 1
        and history[0].get("event") == CORRUPT_EVENT
        and checkpoint.get("blocked_nodes") == [CORRUPT_NODE]
    )


def _is_context_stub(record: dict[str, Any]) -> bool:
    snapshot = record.get("automation_snapshot") or {}
    return record["trigger_type"] == RECOVERED_CONTEXT_RUN and (
        not snapshot or snapshot.get("creator_id") == CONTEXT_CREATOR
    )


def tenant_mark(tenant: Any) -> bytes:
    """Eight bytes that tell tenants apart: organisation, workspace and deployment."""
    if not isinstance(tenant, dict):
        tenant = {"org_id": "local", "workspace_id": "local"}
    return _mark([tenant.get(name) for name in ("org_id", "workspace_id", "deployment_id")])


def _mark(value: Any) -> bytes:
    return sha256(canonical(value)).digest()[:8]


def _parts(record: dict[str, Any]) -> Part:
    checkpoint = record["checkpoint"]
    has = {
        Part.OUTPUTS: checkpoint.get("node_outputs"),
        Part.RUNTIME_CONTEXT: record.get("runtime_context") is not None,
        Part.SNAPSHOT: record.get("automation_snapshot") is not None,
        Part.GATE: checkpoint.get("awaiting_gate") is not None,
        Part.TERMINAL: record["status"] in TERMINAL_STATUSES,
        Part.COMPLETED_NODES: checkpoint.get("completed_nodes"),
    }
    return Part(sum(part for part, present in has.items() if present))

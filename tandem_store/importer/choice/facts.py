"""What the choice between copies needs to know about one of them: how good, whose and how new."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from tandem_store.importer.source.context_run import is_context_stub
from tandem_store.jsontext import canonical
from tandem_store.ledger import Entry, Kind, Part
from tandem_store.legacy.recovery import is_corrupt_entry_stub
from tandem_store.records import RECOVERED_CONTEXT_RUN, TERMINAL_STATUSES
from tandem_store.records.reading import u64


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about one copy, small enough to keep for all copies of a source.

    ``digest`` is the SHA-256 of the record, for a damaged copy that of its bytes. ``tenant`` and
    ``automation`` are the first 8 bytes of digests; they are only compared. ``updated_at_ms`` is
    the time of the last update and ``month_at_ms`` the time by which the run is filed, both in
    milliseconds since 1970, UTC. ``outputs`` is the number of node outputs. An ``ignored`` copy
    takes no part in the choice.
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

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Facts:
        """Return the facts about a record that the engine can read, as it was parsed; stubs too."""
        parts = _parts(record)
        return cls(
            kind=Kind.STUB if is_stub(record) else Kind.WELL_FORMED,
            run_id=record["run_id"],
            digest=record_digest(record),
            month_at_ms=max(record["updated_at_ms"], record["created_at_ms"]),
            updated_at_ms=record["updated_at_ms"],
            outputs=len(record["checkpoint"].get("node_outputs", ())),
            parts=parts,
            tenant=tenant_digest(record.get("tenant_context")),
            automation=_short_digest(record["automation_id"]),
            ignored=record["trigger_type"] == RECOVERED_CONTEXT_RUN and Part.TERMINAL not in parts,
        )

    @classmethod
    def of_damaged(cls, recovered: dict[str, Any], digest: bytes) -> Facts:
        """Return the facts about a damaged entry, from the record that recovery makes of it.

        ``digest`` is the SHA-256 of the entry's bytes.
        """
        facts = cls.of_record(recovered)
        return replace(facts, kind=Kind.DAMAGED, digest=digest, ignored=False)

    @classmethod
    def of_entry(cls, entry: Entry) -> Facts:
        """Return the facts about a copy as the ledger stored them when it was read.

        The ledger has no ``kind`` for ignored copies; they are not asked for.
        """
        return cls(
            kind=entry.kind or Kind.DAMAGED,
            run_id=entry.run_id or "",
            digest=entry.digest,
            month_at_ms=entry.updated_at_ms,
            updated_at_ms=entry.updated_at_ms,
            outputs=entry.outputs,
            parts=entry.parts,
            tenant=entry.tenant,
            automation=entry.automation,
            ignored=False,
        )

    @property
    def is_terminal(self) -> bool:
        """Whether the run had ended."""
        return Part.TERMINAL in self.parts


def record_digest(record: Any) -> bytes:
    """Return the SHA-256 of the record's JSON with sorted keys.

    Equal content has the same digest, in any layout.
    """
    return sha256(canonical(record)).digest()


def time_of_damaged(entry: dict[str, Any], *, mtime_ms: int) -> int:
    """Return the time of recovery for a damaged entry: its own if it has one, else the file's.

    All times are in milliseconds since 1970, UTC. The present would give each import a different
    result.
    """
    for name in ("updated_at_ms", "finished_at_ms", "created_at_ms"):
        if (value := u64(entry.get(name))) is not None:
            return value
    return mtime_ms


def is_stub(record: dict[str, Any]) -> bool:
    """Whether the engine itself wrote this record over a run that it could not read."""
    return is_corrupt_entry_stub(record) or is_context_stub(record)


def tenant_digest(tenant: Any) -> bytes:
    """Return eight bytes that differ between tenants: organisation, workspace and deployment."""
    if not isinstance(tenant, dict):
        tenant = {"org_id": "local", "workspace_id": "local"}
    return _short_digest([tenant.get(name) for name in ("org_id", "workspace_id", "deployment_id")])


def _short_digest(value: Any) -> bytes:
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

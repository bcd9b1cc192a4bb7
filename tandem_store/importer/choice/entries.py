"""Makes the ledger's entry of a copy: how good the copy is, whose, how new, and what is in it.

That is all that the choice between the copies of a run needs to know, so that no copy is read again
for it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, NamedTuple

from tandem_store.importer.source.context_run import is_context_stub
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.source.spans import Span
from tandem_store.jsontext import canonical
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, Reason, ReasonCode
from tandem_store.ledger.outcomes import NO_REASON
from tandem_store.legacy.recovery import is_corrupt_entry_stub
from tandem_store.month import Month
from tandem_store.records import RECOVERED_CONTEXT_RUN, TERMINAL_STATUSES
from tandem_store.records.reading import u64

_IGNORED: Final = Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN)


class FoundAt(NamedTuple):
    """Where a copy was found: its file, its range of bytes and its key there.

    ``span`` and ``key`` are ``None`` for a copy that is all of its file.
    """

    file: SourceFile
    span: Span | None = None
    key: str | None = None


_IN_NO_FILE: Final = FoundAt(SourceFile(Source.HOT, Layout.RUNS, path="", size=0, mtime_ns=0))


def entry_of_record(record: dict[str, Any], found_at: FoundAt) -> Entry:
    """Return the entry of a copy that the engine can read, from its record as it was parsed.

    A copy that the engine would not keep either has an outcome at once, and no kind.
    """
    parts = _parts(record)
    updated_at_ms = record["updated_at_ms"]
    ignored = record["trigger_type"] == RECOVERED_CONTEXT_RUN and Part.TERMINAL not in parts
    return _bare_entry(found_at, record_digest(record), record["run_id"])._replace(
        month=Month.of_ms(max(updated_at_ms, record["created_at_ms"])),
        kind=None if ignored else Kind.STUB if is_stub(record) else Kind.WELL_FORMED,
        tenant=tenant_digest(record.get("tenant_context")),
        automation=_short_digest(record["automation_id"]),
        updated_at_ms=updated_at_ms,
        outputs=len(record["checkpoint"].get("node_outputs", ())),
        parts=parts,
        outcome=CopyOutcome.SKIPPED if ignored else None,
        reason=_IGNORED if ignored else NO_REASON,
    )


def entry_of_damaged(recovered: dict[str, Any], digest: bytes, found_at: FoundAt) -> Entry:
    """Return the entry of a damaged copy, from the record that recovery makes of it.

    ``digest`` is the SHA-256 of the copy's bytes.
    """
    entry = entry_of_record(recovered, found_at)
    return entry._replace(kind=Kind.DAMAGED, digest=digest, outcome=None, reason=NO_REASON)


def entry_of_rejected(digest: bytes, reason: str, run_id: str | None, found_at: FoundAt) -> Entry:
    """Return the entry of bytes that cannot be any run, and so are quarantined at once.

    ``digest`` is their SHA-256, ``run_id`` the run that they name all the same.
    """
    entry = _bare_entry(found_at, digest, run_id)
    return entry._replace(outcome=CopyOutcome.QUARANTINED, reason=Reason(reason))


def entry_of_stored(record: dict[str, Any], source: str = Source.HOT.value) -> Entry:
    """Return the entry that a stored run would have as a copy from ``source``."""
    return entry_of_record(record, _IN_NO_FILE)._replace(source=source)


def _bare_entry(found_at: FoundAt, digest: bytes, run_id: str | None) -> Entry:
    file, span, key = found_at
    entry = Entry(file.source.value, file.path, file.mtime_ns, digest, run_id, key)
    if span is None:
        return entry
    return entry._replace(start=span.start, value=span.value, stop=span.stop)


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

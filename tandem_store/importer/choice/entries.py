"""Makes the ledger's entry of a copy: how good the copy is, whose, how new, and what is in it.

That is all that the choice between the copies of a run needs to know, so that no copy is read again
for it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from tandem_store.importer.source.context_run import is_context_stub
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.source.spans import Span
from tandem_store.jsontext import MAX_DEPTH, canonical, canonical_within
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, Reason, ReasonCode
from tandem_store.ledger.outcomes import NO_REASON
from tandem_store.legacy.recovery import is_corrupt_entry_stub
from tandem_store.month import Month
from tandem_store.records import RECOVERED_CONTEXT_RUN, TERMINAL_STATUSES
from tandem_store.records.reading import u64

_IGNORED: Final = Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN)
_LOCAL: Final = {"org_id": "local", "workspace_id": "local"}
#: How many hashes of tenants and of automations are remembered: many runs share them.
_REMEMBERED: Final = 1_024


class FoundAt(NamedTuple):
    """Where a copy was found: its file, its range of bytes and its key there.

    ``span`` and ``key`` are ``None`` for a copy that is all of its file.
    """

    file: SourceFile
    span: Span | None = None
    key: str | None = None


_IN_NO_FILE: Final = FoundAt(SourceFile(Source.HOT, Layout.RUNS, path="", size=0, mtime_ns=0))


def entry_of_record(record: dict[str, Any], digest: bytes, found_at: FoundAt) -> Entry:
    """Return the entry of a copy that the engine can read, from its record as it was parsed.

    ``digest`` is the record's, by ``record_digest``. A copy that the engine would not keep either
    has an outcome at once, and no kind.
    """
    file, span, key = found_at
    start, value, stop = _range_of(span)
    updated_at_ms = record["updated_at_ms"]
    entry = Entry(
        file.source.value,
        file.path,
        file.mtime_ns,
        digest,
        record["run_id"],
        key,
        start,
        value,
        stop,
        month=Month.of_ms(max(updated_at_ms, record["created_at_ms"])),
        kind=Kind.STUB if is_stub(record) else Kind.WELL_FORMED,
        tenant=tenant_digest(record.get("tenant_context")),
        automation=_automation_digest(record["automation_id"]),
        updated_at_ms=updated_at_ms,
        outputs=len(record["checkpoint"].get("node_outputs", ())),
        parts=_parts(record),
    )
    if record["trigger_type"] == RECOVERED_CONTEXT_RUN and not entry.is_terminal:
        return entry._replace(kind=None, outcome=CopyOutcome.SKIPPED, reason=_IGNORED)
    return entry


def entry_of_damaged(recovered: dict[str, Any], digest: bytes, found_at: FoundAt) -> Entry:
    """Return the entry of a damaged copy, from the record that recovery makes of it.

    ``digest`` is the SHA-256 of the copy's bytes.
    """
    entry = entry_of_record(recovered, digest, found_at)
    return entry._replace(kind=Kind.DAMAGED, outcome=None, reason=NO_REASON)


def entry_of_rejected(digest: bytes, reason: str, run_id: str | None, found_at: FoundAt) -> Entry:
    """Return the entry of bytes that cannot be any run, and so are quarantined at once.

    ``digest`` is their SHA-256, ``run_id`` the run that they name all the same.
    """
    file, span, key = found_at
    place = (file.source.value, file.path, file.mtime_ns, digest, run_id, key)
    outcome = CopyOutcome.QUARANTINED
    return Entry(*place, *_range_of(span), outcome=outcome, reason=Reason(reason))


def entry_of_stored(record: dict[str, Any], source: str = Source.HOT.value) -> Entry:
    """Return the entry that a stored run would have as a copy from ``source``."""
    return entry_of_record(record, record_digest(record), _IN_NO_FILE)._replace(source=source)


def _range_of(span: Span | None) -> tuple[int | None, int | None, int | None]:
    """Return start, value and stop of a range; nothing for a copy that is all of its file."""
    return (None, None, None) if span is None else (span.start, span.value, span.stop)


def record_digest(record: Any, *, levels: int = MAX_DEPTH) -> bytes:
    """Return the SHA-256 of the record's JSON with sorted keys.

    Equal content has the same digest, in any layout.

    Raises ``DepthError`` for a record of more than so many levels.
    """
    return sha256(canonical_within(record, levels)).digest()


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
    get = (tenant if isinstance(tenant, dict) else _LOCAL).get
    return _tenant_digest(get("org_id"), get("workspace_id"), get("deployment_id"))


@lru_cache(maxsize=_REMEMBERED)
def _tenant_digest(org_id: str, workspace_id: str, deployment_id: str | None) -> bytes:
    return sha256(canonical([org_id, workspace_id, deployment_id])).digest()[:8]


@lru_cache(maxsize=_REMEMBERED)
def _automation_digest(automation_id: str) -> bytes:
    return sha256(canonical(automation_id)).digest()[:8]


def _parts(record: dict[str, Any]) -> Part:
    checkpoint = record["checkpoint"]
    # As numbers: to add six flags up as members of their enum takes as long as all the rest.
    return Part(
        bool(checkpoint.get("node_outputs")) * Part.OUTPUTS.value
        + (record.get("runtime_context") is not None) * Part.RUNTIME_CONTEXT.value
        + (record.get("automation_snapshot") is not None) * Part.SNAPSHOT.value
        + (checkpoint.get("awaiting_gate") is not None) * Part.GATE.value
        + (record["status"] in TERMINAL_STATUSES) * Part.TERMINAL.value
        + bool(checkpoint.get("completed_nodes")) * Part.COMPLETED_NODES.value
    )

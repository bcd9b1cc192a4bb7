"""Files and copies as rows of the ledger and of the quarantine."""

from __future__ import annotations

from typing import Any

from tandem_store.importer.copies import Copy
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.ledger import CopyOutcome, EntryPosition, EntryRow, FileState, ReasonCode
from tandem_store.mapping import LARGEST_BIGINT, LONGEST_ID
from tandem_store.month import LAST_MILLISECOND, Month
from tandem_store.stored_text import is_longer


def entry_row(entry_id: int, import_id: int, file_id: int, copy: Copy) -> EntryRow:
    """Return the ledger's row for a copy that was just read, with its outcome if that is clear."""
    facts = copy.facts
    run_id = copy.run_id
    outcome, reason = _outcome(copy)
    row: EntryRow = {
        "id": entry_id,
        "import_id": import_id,
        "seen_import_id": import_id,
        "file_id": file_id,
        **position_of(copy),
        "key": copy.key,
        "run_id": None if run_id is None else _as_id(run_id),
        "digest": copy.digest,
        "month": None,
        "kind": None,
        "tenant": None,
        "automation": None,
        "updated_at_ms": None,
        "outputs": None,
        "parts": None,
        "outcome": outcome,
        "reason": reason,
        "revision": None,
    }
    if facts is not None:
        row["month"] = _month(facts.month_at_ms)
        row["kind"] = None if facts.ignored else int(facts.kind)
        row["tenant"] = facts.tenant
        row["automation"] = facts.automation
        row["updated_at_ms"] = min(facts.updated_at_ms, LARGEST_BIGINT)
        row["outputs"] = facts.outputs
        row["parts"] = int(facts.parts)
    return row


def file_state(import_id: int, file: SourceFile, digest: bytes, *, complete: bool) -> FileState:
    """Return how a file looked when it was read, as the ledger's columns."""
    return {
        "import_id": import_id,
        "source": file.source.value,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "digest": digest,
        "complete": complete,
    }


def quarantine_row(
    import_id: int, entry_id: int | None, file: SourceFile, copy: Copy, *, now_ms: int
) -> dict[str, Any]:
    """Return the quarantine's row for a copy that has a fault."""
    assert copy.fault is not None
    assert copy.raw is not None  # every copy with a fault has them
    layout = "entry" if copy.span is not None else file.layout.value
    return {
        "import_id": import_id,
        "entry_id": entry_id,
        "path": file.path,
        "layout": layout,
        "key": copy.key,
        "start": None if copy.span is None else copy.span.start,
        "stop": None if copy.span is None else copy.span.stop,
        "digest": copy.raw.digest,
        "reason": copy.fault.reason,
        "message": copy.fault.message,
        "size": copy.raw.size,
        "encoding": None if copy.raw.compressed is None else "zstd",
        "raw": copy.raw.compressed,
        "kept_in_source": copy.raw.compressed is None,
        "created_at_ms": now_ms,
        "discarded_at_ms": None,
    }


def position_of(copy: Copy) -> EntryPosition:
    """Return where a copy stands in its file, as the ledger's columns."""
    span = copy.span
    if span is None:
        return {"ordinal": 0, "start": None, "value": None, "stop": None}
    return {
        "ordinal": span.start,
        "start": span.start,
        "value": span.value,
        "stop": span.stop,
    }


def _as_id(run_id: str) -> str | None:
    """Return the id of a copy; None if it is too long to be looked for."""
    return None if is_longer(run_id, LONGEST_ID) else run_id


def _outcome(copy: Copy) -> tuple[str | None, str | None]:
    """Return the outcome of a copy that is not compared with others, and its reason.

    Both are None for a copy that has to be compared.
    """
    if copy.fault is not None and copy.is_hopeless:
        return CopyOutcome.QUARANTINED.value, copy.fault.reason
    if copy.facts is not None and copy.facts.ignored:
        return CopyOutcome.SKIPPED.value, ReasonCode.NON_TERMINAL_CONTEXT_RUN.value
    return None, None


def _month(at_ms: int) -> Month | None:
    return Month.of_ms(at_ms) if at_ms <= LAST_MILLISECOND else None

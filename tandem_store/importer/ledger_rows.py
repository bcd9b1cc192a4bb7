"""Copies as rows of the ledger and of the quarantine."""

from __future__ import annotations

from typing import Any

from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.copies import Copy
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.ledger import CopyOutcome, ReasonCode
from tandem_store.mapping import LARGEST_BIGINT, LONGEST_ID, is_longer, to_column
from tandem_store.month import LAST_MILLISECOND, Month


def entry_row(entry_id: int, import_id: int, file_id: int, copy: Copy) -> dict[str, Any]:
    """The ledger's row of a copy that was just read, with its outcome if it is clear already."""
    facts = copy.facts
    run_id = facts.run_id if facts is not None else copy.claimed_id
    return {
        "id": entry_id,
        "import_id": import_id,
        "seen_import_id": import_id,
        "file_id": file_id,
        **place_of(copy),
        "key": None if copy.key is None else to_column(copy.key),
        "run_id": None if run_id is None else _as_id(run_id),
        "digest": copy.digest,
        **_columns_of(facts),
        **_outcome(copy),
        "revision": None,
    }


def quarantine_row(
    import_id: int, entry_id: int | None, file: SourceFile, copy: Copy, *, now_ms: int
) -> dict[str, Any]:
    """The row of a copy that has a fault."""
    assert copy.fault is not None
    assert copy.raw is not None  # every faulty copy brings its bytes
    layout = "entry" if copy.span is not None else file.layout.value
    return {
        "import_id": import_id,
        "entry_id": entry_id,
        "path": to_column(file.path),
        "layout": layout,
        "key": None if copy.key is None else to_column(copy.key),
        "start": None if copy.span is None else copy.span.start,
        "stop": None if copy.span is None else copy.span.stop,
        "digest": copy.raw.digest,
        "reason": copy.fault.reason,
        "message": to_column(copy.fault.message),
        "size": copy.raw.size,
        "encoding": None if copy.raw.packed is None else "zstd",
        "raw": copy.raw.packed,
        "kept_in_source": copy.raw.packed is None,
        "created_at_ms": now_ms,
        "discarded_at_ms": None,
    }


def place_of(copy: Copy) -> dict[str, int | None]:
    """Where a copy stands in its file."""
    span = copy.span
    return {
        "ordinal": copy.ordinal,
        "start": None if span is None else span.start,
        "value": None if span is None else span.value,
        "stop": None if span is None else span.stop,
    }


def _as_id(run_id: str) -> str | None:
    """An id as the ledger has it; none if it is longer than an id that can be looked for."""
    column = to_column(run_id)
    return None if is_longer(column, LONGEST_ID) else column


def _columns_of(facts: Facts | None) -> dict[str, Any]:
    if facts is None:
        names = ("month", "kind", "tenant", "automation", "updated_at_ms", "outputs", "parts")
        return dict.fromkeys(names)
    return {
        "month": _month(facts.month_at_ms),
        "kind": None if facts.ignored else int(facts.kind),
        "tenant": facts.tenant,
        "automation": facts.automation,
        "updated_at_ms": min(facts.updated_at_ms, LARGEST_BIGINT),
        "outputs": facts.outputs,
        "parts": int(facts.parts),
    }


def _outcome(copy: Copy) -> dict[str, str | None]:
    """The outcome that a copy has without being compared, if it has one."""
    if copy.hopeless and copy.fault is not None:
        return {"outcome": CopyOutcome.QUARANTINED.value, "reason": copy.fault.reason}
    if copy.facts is not None and copy.facts.ignored:
        reason = ReasonCode.NON_TERMINAL_CONTEXT_RUN.value
        return {"outcome": CopyOutcome.SKIPPED.value, "reason": reason}
    return {"outcome": None, "reason": None}


def _month(at_ms: int) -> int | None:
    return Month.of_ms(at_ms).key if at_ms <= LAST_MILLISECOND else None

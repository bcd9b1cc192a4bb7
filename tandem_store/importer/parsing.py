"""Reads and validates source files and makes their runs ready for the writer.

Runs in parser processes and needs no database. A record is only validated: what is stored are the
values as they were read, so that fields that the models do not know are not lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tandem_store.errors import LegacyFormatError, UnstorableError
from tandem_store.importer.choice.facts import Facts, time_of_damaged
from tandem_store.importer.copies import Copy, FileToRead, QuarantineReason, Raw, Reading
from tandem_store.importer.source.context_run import run_from_context_state
from tandem_store.importer.source.kinds import Layout, SkippedFile, Source, SourceFile, change_time
from tandem_store.importer.source.salvage.damaged_ranges import salvage
from tandem_store.importer.source.salvage.entries import BOM
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, contains_other_runs, key_at
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.importer.validation import check_run
from tandem_store.jsontext import DepthError, loads
from tandem_store.legacy.recovery import recover_entry
from tandem_store.legacy.shard_file import run_of_shard
from tandem_store.legacy.versions import NewerVersionError
from tandem_store.mapping import compress, rows_of

#: The most bytes of one item that quarantine keeps; of a larger one, only its range and digest.
LARGEST_KEPT: Final = 16 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
#: How often a file is read that changes meanwhile.
ATTEMPTS: Final = 3

_MESSAGES: Final = {
    DamageKind.NOT_AN_OBJECT: "not a JSON object",
    DamageKind.DAMAGED: "damaged JSON",
    DamageKind.TRUNCATED: "truncated: the file ends too early",
    DamageKind.TRAILING: "data after the end of the document",
    DamageKind.NO_RUNS: "the file has a version but no runs",
    DamageKind.BAD_VERSION: "schema_version must be an unsigned integer",
}


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file holds; ``data`` is ``None`` if that is more than ``LARGEST_RECORD``."""

    data: bytes | None
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a large file and its bytes."""

    span: Span
    data: bytes


def read_file(root: Path, file: FileToRead) -> Reading:
    """Read a file that holds one run; one that cannot be read or keeps changing is skipped."""
    path = f"{root}/{file.path}"
    try:
        for _ in range(ATTEMPTS):
            content, before = content_of(path)
            after = os.stat(path)
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                file = _as_of(file, after)
                return Reading(file, content.digest, _copies_of_content(file, content))
    except OSError as error:
        return Reading(file, b"", skipped=SkippedFile.unreadable(file.path, error))
    why = f"changed while it was read, {ATTEMPTS} times: stop the engine"
    return Reading(file, b"", skipped=SkippedFile(file.path, why, needs_attention=True))


def _as_of(file: FileToRead, status: os.stat_result) -> FileToRead:
    size, mtime_ns = status.st_size, change_time(status)
    if (file.size, file.mtime_ns) == (size, mtime_ns):  # as nearly always; a copy takes 20 us
        return file
    return replace(file, size=size, mtime_ns=mtime_ns)


def content_of(path: str) -> tuple[FileContent, os.stat_result]:
    """Return a file's content, without its bytes if they are too many, and the file's status."""
    with open(path, "rb") as opened:
        status = os.fstat(opened.fileno())
        # One byte more than there should be; the status shows that the file grew meanwhile.
        data = opened.read(min(status.st_size, LARGEST_RECORD) + 1)
        hashed = sha256(data)
        if len(data) <= LARGEST_RECORD:
            return FileContent(data, len(data), hashed.digest()), status
        size = len(data)
        while data := opened.read(_CHUNK):
            hashed.update(data)
            size += len(data)
        return FileContent(None, size, hashed.digest()), status


def copies_of_file(file: SourceFile, data: bytes) -> list[Copy]:
    """Return the copy in the bytes of a shard or context run, as a list.

    The list is empty if a context run is not a run of an automation.
    """
    try:
        record = record_in(file, data)
        is_no_run = record is None and file.layout is Layout.CONTEXT
        return [] if is_no_run else [_well_formed(record)]
    except NewerVersionError as error:
        fault = newer_version(error)
        return [_hopeless(data, fault.reason, fault.message)]
    except UnstorableError as error:
        return [_hopeless(data, error.reason, str(error), _claimed_id(file, data))]
    except DepthError as error:
        return [_hopeless(data, "too_deep", str(error))]
    except LegacyFormatError as error:
        return [_hopeless(data, "damaged", str(error), _claimed_id(file, data))]


def record_in(file: SourceFile, data: bytes) -> Any:
    """Return the record in a shard or context run, not validated yet.

    ``None`` if there is no run in it. Raises ``LegacyFormatError`` for damaged JSON or envelopes.
    """
    value = loads(data.removeprefix(BOM))
    if file.layout is Layout.CONTEXT:
        return run_from_context_state(value, mtime_ms=file.mtime_ms)
    return run_of_shard(value)


def newer_version(error: NewerVersionError) -> QuarantineReason:
    """Return what quarantine says about a file that a later engine wrote."""
    advice = "upgrade tandem-store, then run: tandem-store quarantine retry"
    return QuarantineReason("newer_schema_version", f"{error}; {advice}")


def copies_of_pieces(file: SourceFile, pieces: list[Piece]) -> list[Copy]:
    """Return the copies in ranges of a hot file or archive."""
    return [copy for piece in pieces for copy in _copies_of_piece(file, piece)]


def _copies_of_piece(file: SourceFile, piece: Piece) -> Iterator[Copy]:
    span = piece.span
    if span.damage is not None:
        yield _fault_copy(piece, span.damage)
        return
    try:
        record = loads(piece.data[span.value - span.start :])
    except DepthError as error:
        copy = _hopeless(piece.data, "too_deep", str(error))
        yield replace(copy, span=span, key=key_at(piece.data, 0))
        return
    except LegacyFormatError:
        yield from _salvaged(file, piece)
        return
    if contains_other_runs(record):
        yield from _salvaged(file, piece)
    else:
        yield _copy_of_entry(file, piece, record)


def _salvaged(file: SourceFile, piece: Piece) -> Iterator[Copy]:
    """Yield the complete entries in a damaged piece, and the damage between them."""
    for span in salvage(piece.data, 0, len(piece.data)):
        inner = Piece(span.shifted(piece.span.start), piece.data[span.start : span.stop])
        yield from _copies_of_piece(file, inner)


def _copy_of_entry(file: SourceFile, piece: Piece, record: Any) -> Copy:
    key = key_at(piece.data, 0) or ""
    try:
        return replace(_well_formed(record), span=piece.span, key=key)
    except UnstorableError as error:
        copy = _hopeless(piece.data, error.reason, str(error), _id_in(record))
    except LegacyFormatError as error:
        copy = _damaged(file, piece, key, record, str(error))
    return replace(copy, span=piece.span, key=key)


def _well_formed(record: Any) -> Copy:
    lifted = check_run(record)
    facts = Facts.of_record(record)
    rows = rows_of(record, lifted)
    return Copy(facts.digest, facts=facts, run=None if facts.ignored else rows)


def _damaged(file: SourceFile, piece: Piece, key: str, record: Any, error: str) -> Copy:
    """Return the copy for a damaged entry; if it cannot be recovered, it is only quarantined."""
    if file.source is Source.LEFTOVER:
        return _hopeless(piece.data, "damaged", error, _id_in(record))
    raw = raw_of(piece.data)
    try:
        recovered = recovered_from(file, key, record, error)
        rows_of(recovered)
    except (LegacyFormatError, UnstorableError) as hopeless:
        return _hopeless(piece.data, "unrecoverable", f"{hopeless}: {error}", _id_in(record))
    facts = Facts.of_damaged(recovered, raw.digest)
    return Copy(raw.digest, facts=facts, fault=QuarantineReason("damaged", error), raw=raw)


def recovered_from(file: SourceFile, key: str, record: Any, error: str) -> dict[str, Any]:
    """Return the run that recovery makes of a damaged entry, dated by the entry's own times.

    Raises ``LegacyFormatError`` if recovery is not possible.
    """
    dated = record if isinstance(record, dict) else {}
    now_ms = time_of_damaged(dated, mtime_ms=file.mtime_ms)
    return recover_entry(key, record, error=error, now_ms=now_ms)


def fault_of(kind: DamageKind) -> QuarantineReason:
    """Return what quarantine says of a range that is not an entry."""
    return QuarantineReason(kind.value, _MESSAGES[kind])


def too_large(digest: bytes, size: int) -> Copy:
    """Return the copy for a record that is too large to be parsed.

    Parsing takes many times the record's size in memory.
    """
    message = f"{size:,} bytes are too many for one record: at most {LARGEST_RECORD:,} are read"
    return Copy(digest, fault=QuarantineReason("too_large", message), raw=Raw(digest, size, None))


def _fault_copy(piece: Piece, kind: DamageKind) -> Copy:
    copy = _hopeless(piece.data, kind.value, _MESSAGES[kind])
    return replace(copy, span=piece.span, key=key_at(piece.data, 0))


def _hopeless(data: bytes, reason: str, message: str, run_id: str | None = None) -> Copy:
    raw = raw_of(data)
    return Copy(raw.digest, claimed_id=run_id, fault=QuarantineReason(reason, message), raw=raw)


def raw_of(data: bytes) -> Raw:
    """Return bytes for the quarantine, compressed; without the bytes if they are too many."""
    small = len(data) <= LARGEST_KEPT
    return Raw(sha256(data).digest(), len(data), compress(data) if small else None)


def _claimed_id(file: SourceFile, data: bytes) -> str | None:
    try:
        return _id_in(record_in(file, data))
    except LegacyFormatError:
        return None


def _id_in(record: Any) -> str | None:
    """Return the id that a faulty record claims, None if it has no id that the ledger can hold."""
    run_id = record.get("run_id") if isinstance(record, dict) else None
    return run_id if isinstance(run_id, str) and len(run_id.encode()) <= 1_024 else None


def _copies_of_content(file: SourceFile, content: FileContent) -> list[Copy]:
    if content.data is None:
        return [too_large(content.digest, content.size)]
    return copies_of_file(file, content.data)

"""Reads and validates source files and makes their runs ready for the writer.

Runs in parser processes and needs no database. A record is only validated: what is stored are the
values as they were read, so that fields that the models do not know are not lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from tandem_store.errors import LegacyFormatError, UnstorableError
from tandem_store.importer.choice.entries import (
    FoundAt,
    entry_of_damaged,
    entry_of_record,
    entry_of_rejected,
    record_digest,
    time_of_damaged,
)
from tandem_store.importer.copies import Copy, FileToRead, Raw, Reading, Rejected
from tandem_store.importer.source.context_run import run_from_context_state
from tandem_store.importer.source.kinds import Layout, SkippedFile, Source, SourceFile, change_time
from tandem_store.importer.source.salvage.damaged_ranges import salvage
from tandem_store.importer.source.salvage.entries import BOM
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, contains_other_runs, key_at
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.importer.validation import check_run
from tandem_store.jsontext import (
    MAX_DEPTH,
    DepthError,
    loads,
    loads_of_any_depth,
    refuse_depth,
)
from tandem_store.legacy.recovery import recover_entry
from tandem_store.legacy.shard_file import run_of_shard
from tandem_store.legacy.versions import NewerVersionError
from tandem_store.mapping import LONGEST_ID, compress, rows_of
from tandem_store.stored_text import is_longer

#: The most bytes of one item that quarantine keeps; of a larger one, only its range and digest.
LARGEST_KEPT: Final = 16 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
#: The members of a shard's envelope: the version and the run.
_IN_ENVELOPE: Final = 2
#: How often a file is read that changes meanwhile.
ATTEMPTS: Final = 3

#: What quarantine says of a range that is not an entry.
_MESSAGES: Final = {
    DamageKind.NOT_AN_OBJECT: "not a JSON object",
    DamageKind.DAMAGED: "damaged JSON",
    DamageKind.TRUNCATED: "truncated: the file ends too early",
    DamageKind.TRAILING: "data after the end of the document",
    DamageKind.NO_RUNS: "the file has a version but no runs",
    DamageKind.BAD_VERSION: "schema_version must be an unsigned integer",
}


class FileContent(NamedTuple):
    """What a file holds; ``data`` is ``None`` if that is more than ``LARGEST_RECORD``."""

    data: bytes | None
    size: int
    digest: bytes


class Piece(NamedTuple):
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
    # Not through a file object, which takes longer to make than a shard to read.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        if status.st_size > LARGEST_RECORD:
            return _without_bytes(descriptor), status
        data = _bytes_of(descriptor, status.st_size)
        return FileContent(data, len(data), sha256(data).digest()), status
    finally:
        os.close(descriptor)


def _bytes_of(descriptor: int, size: int) -> bytes:
    """Return the bytes of a file of this size, and one more if it has grown meanwhile."""
    data = os.read(descriptor, size + 1)
    while len(data) <= size and (more := os.read(descriptor, size + 1 - len(data))):
        data += more  # some file systems return less than they are asked for
    return data


def _without_bytes(descriptor: int) -> FileContent:
    hashed, size = sha256(), 0
    while data := os.read(descriptor, _CHUNK):
        hashed.update(data)
        size += len(data)
    return FileContent(None, size, hashed.digest())


def copies_of_file(file: SourceFile, data: bytes) -> list[Copy]:
    """Return the copy in the bytes of a shard or context run, as a list.

    The list is empty if a context run is not a run of an automation.
    """
    try:
        record, digest = _record_and_digest(file, data)
        is_no_run = record is None and file.layout is Layout.CONTEXT
        return [] if is_no_run else [_well_formed(FoundAt(file), record, digest)]
    except NewerVersionError as error:
        return [newer_version(file, raw_of(data), error)]
    except UnstorableError as error:
        return [_rejected(FoundAt(file), data, error.reason, str(error), _claimed_id(file, data))]
    except DepthError as error:
        return [_rejected(FoundAt(file), data, "too_deep", str(error))]
    except LegacyFormatError as error:
        return [_rejected(FoundAt(file), data, "damaged", str(error), _claimed_id(file, data))]


def record_in(file: SourceFile, data: bytes) -> Any:
    """Return the record in a shard or context run, not validated yet.

    ``None`` if there is no run in it. Raises ``LegacyFormatError`` for damaged JSON or envelopes.
    """
    value = loads(data.removeprefix(BOM))
    if file.layout is Layout.CONTEXT:
        return run_from_context_state(value, mtime_ms=file.mtime_ms)
    return run_of_shard(value)


def _record_and_digest(file: SourceFile, data: bytes) -> tuple[Any, bytes]:
    """Return what ``record_in`` returns, with its digest; raises as that does.

    The depth of a shard shows when its digest is made, so no walk of its own is spent on it.
    """
    if file.layout is Layout.CONTEXT:
        record = record_in(file, data)
        return record, record_digest(record)
    document = loads_of_any_depth(data.removeprefix(BOM))
    record = run_of_shard(document)
    if record is document:
        return record, record_digest(record)
    if len(document) > _IN_ENVELOPE:
        refuse_depth(document)
    return record, record_digest(record, levels=MAX_DEPTH - 1)


def newer_version(file: SourceFile, raw: Raw, error: NewerVersionError) -> Copy:
    """Return the copy for a file that a later engine wrote, whose bytes are ``raw``."""
    advice = "upgrade tandem-store, then run: tandem-store quarantine retry"
    rejected = Rejected("newer_schema_version", f"{error}; {advice}", raw)
    return _quarantined(FoundAt(file), rejected)


def copies_of_pieces(file: SourceFile, pieces: list[Piece]) -> list[Copy]:
    """Return the copies in ranges of a hot file or archive."""
    return [copy for piece in pieces for copy in _copies_of_piece(file, piece)]


def _copies_of_piece(file: SourceFile, piece: Piece) -> Iterator[Copy]:
    span = piece.span
    found_at = FoundAt(file, span, key_at(piece.data, 0))
    if span.damage is not None:
        yield _rejected(found_at, piece.data, span.damage.value, _MESSAGES[span.damage])
        return
    try:
        record = loads_of_any_depth(piece.data[span.value - span.start :])
        digest = record_digest(record)
    except DepthError as error:
        yield _rejected(found_at, piece.data, "too_deep", str(error))
        return
    except LegacyFormatError:
        yield from _salvaged(file, piece)
        return
    if contains_other_runs(record):
        yield from _salvaged(file, piece)
    else:
        found_at = found_at._replace(key=found_at.key or "")
        yield _copy_of_entry(found_at, piece.data, record, digest)


def _salvaged(file: SourceFile, piece: Piece) -> Iterator[Copy]:
    """Yield the complete entries in a damaged piece, and the damage between them."""
    for span in salvage(piece.data, 0, len(piece.data)):
        inner = Piece(span.shifted(piece.span.start), piece.data[span.start : span.stop])
        yield from _copies_of_piece(file, inner)


def _copy_of_entry(found_at: FoundAt, data: bytes, record: Any, digest: bytes) -> Copy:
    try:
        return _well_formed(found_at, record, digest)
    except UnstorableError as error:
        return _rejected(found_at, data, error.reason, str(error), _id_in(record))
    except LegacyFormatError as error:
        return _damaged(found_at, data, record, str(error))


def _well_formed(found_at: FoundAt, record: Any, digest: bytes) -> Copy:
    """Return the copy for a record that may be stored as it is.

    Raises ``LegacyFormatError`` if the engine could not read it, and ``UnstorableError``.
    """
    rows = rows_of(record, check_run(record))
    entry = entry_of_record(record, digest, found_at)
    return Copy(entry, None if entry.kind is None else rows)


def _damaged(found_at: FoundAt, data: bytes, record: Any, error: str) -> Copy:
    """Return the copy for a damaged entry; if it cannot be recovered, it is only quarantined."""
    file, key = found_at.file, found_at.key or ""
    if file.source is Source.LEFTOVER:
        return _rejected(found_at, data, "damaged", error, _id_in(record))
    raw = raw_of(data)
    try:
        recovered = recovered_from(file, key, record, error)
        rows_of(recovered)
    except (LegacyFormatError, UnstorableError) as hopeless:
        return _rejected(found_at, data, "unrecoverable", f"{hopeless}: {error}", _id_in(record))
    entry = entry_of_damaged(recovered, raw.digest, found_at)
    return Copy(entry, rejected=Rejected("damaged", error, raw))


def recovered_from(file: SourceFile, key: str, record: Any, error: str) -> dict[str, Any]:
    """Return the run that recovery makes of a damaged entry, dated by the entry's own times.

    Raises ``LegacyFormatError`` if recovery is not possible.
    """
    dated = record if isinstance(record, dict) else {}
    now_ms = time_of_damaged(dated, mtime_ms=file.mtime_ms)
    return recover_entry(key, record, error=error, now_ms=now_ms)


def copy_of_large(found_at: FoundAt, digest: bytes, size: int) -> Copy:
    """Return the copy for a record, or for damage, that is too large to be parsed."""
    rejected = too_large(digest, size)
    damage = None if found_at.span is None else found_at.span.damage
    if damage is not None:
        rejected = rejected._replace(reason=damage.value, message=_MESSAGES[damage])
    return _quarantined(found_at, rejected)


def too_large(digest: bytes, size: int) -> Rejected:
    """Return what quarantine says of bytes that are too many to be parsed and to be kept.

    Parsing takes many times the record's size in memory.
    """
    message = f"{size:,} bytes are too many for one record: at most {LARGEST_RECORD:,} are read"
    return Rejected("too_large", message, Raw(digest, size, None))


def _rejected(
    found_at: FoundAt, data: bytes, reason: str, message: str, run_id: str | None = None
) -> Copy:
    return _quarantined(found_at, Rejected(reason, message, raw_of(data)), run_id)


def _quarantined(found_at: FoundAt, rejected: Rejected, run_id: str | None = None) -> Copy:
    entry = entry_of_rejected(rejected.raw.digest, rejected.reason, run_id, found_at)
    return Copy(entry, rejected=rejected)


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
    return run_id if isinstance(run_id, str) and not is_longer(run_id, LONGEST_ID) else None


def _copies_of_content(file: SourceFile, content: FileContent) -> list[Copy]:
    if content.data is None:
        return [copy_of_large(FoundAt(file), content.digest, content.size)]
    return copies_of_file(file, content.data)

"""A file of many runs, split into batches of pieces for the parsers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tandem_store.errors import LegacyFormatError
from tandem_store.importer.choice.entries import FoundAt
from tandem_store.importer.copies import Copy, FileToRead, Raw, Reading
from tandem_store.importer.file_snapshot import FileSnapshot
from tandem_store.importer.parsing import (
    LARGEST_KEPT,
    Piece,
    copy_of_large,
    newer_version,
    raw_of,
)
from tandem_store.importer.source.salvage.entries import Outline, outline
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, key_at
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.importer.worker_pool import Task
from tandem_store.jsontext import loads
from tandem_store.legacy.versions import NewerVersionError, check_version

#: Bytes and pieces of one batch, large enough to be worth a round trip to a parser process.
BATCH_BYTES: Final = 1024 * 1024
BATCH_PIECES: Final = 64


def cut(file: FileToRead, content: FileSnapshot, *, after: int) -> Iterator[Task]:
    """Yield the tasks for the pieces of a file, in its order.

    Only pieces that start behind the byte ``after`` are read, so that an interrupted import goes on
    where it stopped; -1 stands for all of them. A file of a newer format becomes one copy with a
    fault.
    """
    part = Reading(file, content.digest, starts=False, ends=False)
    found = outline(content.data, content.release)
    content.rewind()
    try:
        _note_bad_version(content, found)
    except NewerVersionError as error:
        copy = newer_version(file, _all_bytes(content), error)
        yield Task(part=part._replace(copies=[copy], starts=True, ends=True))
        return
    if after < 0:
        yield Task(part=part._replace(starts=True))
    yield from _batches(part, content, found, after)
    yield Task(part=part._replace(ends=True))


def _batches(part: Reading, content: FileSnapshot, found: Outline, after: int) -> Iterator[Task]:
    batch: list[Piece] = []
    size = 0
    for span in _in_order(found):
        if span.start <= after:
            continue
        if span.size > LARGEST_RECORD:
            yield Task(part=part, pieces=batch)
            yield Task(part=part._replace(copies=[_copy_of_large(part.file, content, span)]))
            batch, size = [], 0
            continue
        batch.append(_piece(content, span))
        size += span.size
        if size >= BATCH_BYTES or len(batch) >= BATCH_PIECES:
            content.release(span.start)
            yield Task(part=part, pieces=batch)
            batch, size = [], 0
    if batch:
        yield Task(part=part, pieces=batch)


def _copy_of_large(file: FileToRead, content: FileSnapshot, span: Span) -> Copy:
    """Return the copy for a range that is too large to parse.

    It is quarantined with its digest, without its bytes.
    """
    digest = content.digest_of(span.start, span.stop)
    return copy_of_large(FoundAt(file, span, key_at(content.data, span.start)), digest, span.size)


def _in_order(found: Outline) -> Iterator[Span]:
    """Yield entries and damage together, sorted by their position."""
    if not found.damage:
        yield from found.entries()
    else:
        yield from sorted((*found.entries(), *found.damage), key=_position)


def _position(span: Span) -> tuple[int, int]:
    return span.start, span.stop


def _piece(content: FileSnapshot, span: Span) -> Piece:
    return Piece(span, bytes(content.data[span.start : span.stop]))


def _note_bad_version(content: FileSnapshot, found: Outline) -> None:
    """Record an invalid schema_version as damage; the other entries are still imported.

    Raises ``NewerVersionError`` for a version that this program does not know.
    """
    if found.version is None:
        return
    start, stop = found.version
    try:
        if stop - start > LARGEST_RECORD:
            raise LegacyFormatError("schema_version is not a number")
        check_version(loads(bytes(content.data[start:stop])))
    except NewerVersionError:
        raise
    except LegacyFormatError:
        found.damage.append(Span.of_damage(start, stop, DamageKind.BAD_VERSION))


def _all_bytes(content: FileSnapshot) -> Raw:
    if content.size <= LARGEST_KEPT:
        return raw_of(bytes(content.data[:]))
    return Raw(content.digest, content.size, None)

"""A file of many runs, cut into batches of pieces for the parsers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tandem_store.errors import LegacyFormatError
from tandem_store.importer.copies import Copy, Raw, Reading
from tandem_store.importer.file_snapshot import Frozen
from tandem_store.importer.parsing import (
    LARGEST_KEPT,
    Piece,
    fault_of,
    newer_version,
    raw_of,
    too_large,
)
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.importer.source.salvage.entries import Outline, outline
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, key_at
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.importer.worker_pool import Task
from tandem_store.jsontext import loads
from tandem_store.legacy.versions import NewerVersionError, check_version

#: Bytes and pieces of one batch: enough to make a round trip to a parser worth it.
BATCH_BYTES: Final = 1024 * 1024
BATCH_PIECES: Final = 64


def cut(file: SourceFile, content: Frozen, *, after: int) -> Iterator[Task]:
    """Tasks for the pieces of a file, in its order; the last one ends the file.

    Starts behind the byte ``after``, so that an interrupted import goes on where it stopped. A file
    of a later format is one fault.
    """
    part = Reading(file, content.digest, last=False)
    found = outline(content.data, content.release)
    content.rewind()
    try:
        _note_bad_version(content, found)
    except NewerVersionError as error:
        copy = Copy(content.digest, fault=newer_version(error), raw=_whole(content))
        yield Task(of=replace(part, copies=[copy], last=True))
        return
    yield from _batches(part, content, found, after)
    yield Task(of=replace(part, last=True))


def _batches(part: Reading, content: Frozen, found: Outline, after: int) -> Iterator[Task]:
    batch: list[Piece] = []
    size = 0
    for span in _in_order(found):
        if span.start <= after:
            continue
        if span.size > LARGEST_RECORD:
            yield Task(of=part, pieces=batch)
            yield Task(of=replace(part, copies=[_copy_of_large(content, span)]))
            batch, size = [], 0
            continue
        batch.append(_piece(content, span))
        size += span.size
        if size >= BATCH_BYTES or len(batch) >= BATCH_PIECES:
            content.release(span.start)
            yield Task(of=part, pieces=batch)
            batch, size = [], 0
    if batch:
        yield Task(of=part, pieces=batch)


def _copy_of_large(content: Frozen, span: Span) -> Copy:
    """A range that no parser takes, for quarantine, with its digest alone."""
    copy = too_large(content.digest_of(span.start, span.stop), span.size)
    return replace(
        copy,
        span=span,
        key=key_at(content.data, span.start),
        fault=copy.fault if span.damage is None else fault_of(span.damage),
    )


def _in_order(found: Outline) -> Iterator[Span]:
    """Entries and faults merged by their place."""
    if not found.damage:
        yield from found.entries()
    else:
        yield from sorted((*found.entries(), *found.damage), key=_place)


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.stop


def _piece(content: Frozen, span: Span) -> Piece:
    return Piece(span, bytes(content.data[span.start : span.stop]))


def _note_bad_version(content: Frozen, found: Outline) -> None:
    """Make a version that is none a fault; the entries beside it count all the same."""
    if found.version is None:
        return
    start, stop = found.version
    try:
        if stop - start > LARGEST_RECORD:
            raise LegacyFormatError("schema_version is no number")
        check_version(loads(bytes(content.data[start:stop])))
    except NewerVersionError:
        raise
    except LegacyFormatError:
        found.damage.append(Span.of_damage(start, stop, DamageKind.BAD_VERSION))


def _whole(content: Frozen) -> Raw:
    if content.size <= LARGEST_KEPT:
        return raw_of(bytes(content.data[:]))
    return Raw(content.digest, content.size, None)

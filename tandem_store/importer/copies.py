"""What is read from a source file: copies of runs, ready for the writer, and damage.

Most types here are tuples, because they travel from the parser processes to the writer: a tuple
takes a fraction of the time that a dataclass takes to be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from tandem_store.importer.source.kinds import SkippedFile, SourceFile
from tandem_store.ledger import Entry, Kind, KnownFile
from tandem_store.mapping import RunRows


@dataclass(frozen=True, slots=True)
class FileToRead(SourceFile):
    """A source file together with what the ledger knows of it.

    ``id`` is its number in the ledger, 0 where there is no ledger to write to. ``known`` is
    ``None`` if no import has read the file before.
    """

    id: int = 0
    known: KnownFile | None = None

    @classmethod
    def of(cls, file: SourceFile, id: int = 0, known: KnownFile | None = None) -> Self:  # noqa: A002
        """Return the file with what the ledger knows of it."""
        return cls(file.source, file.layout, file.path, file.size, file.mtime_ns, id, known)

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        place = (self.source, self.layout, self.path, self.size, self.mtime_ns)
        return type(self), (*place, self.id, self.known)


class Raw(NamedTuple):
    """The bytes of something that goes to quarantine.

    ``compressed`` is ``None`` when there are too many to keep.
    """

    digest: bytes
    size: int
    compressed: bytes | None


class Rejected(NamedTuple):
    """Bytes that go to quarantine, and why: a code, and a sentence for people."""

    reason: str
    message: str
    raw: Raw


class Copy(NamedTuple):
    """One copy of a run, or a range of bytes that should have been one, ready for the writer.

    ``run`` has the rows of a copy that may be stored as it is; ``rejected`` is what goes to
    quarantine of one that may not.
    """

    entry: Entry
    run: RunRows | None = None
    rejected: Rejected | None = None

    @property
    def is_well_formed(self) -> bool:
        """Whether the copy may be stored before it is compared with others."""
        return self.run is not None and self.entry.kind is Kind.WELL_FORMED


class Reading(NamedTuple):
    """What was read from a file, or from one part of a large file.

    ``digest`` is the SHA-256 of the whole file. ``starts`` and ``ends`` mark its first and its last
    part; the parts of one file follow each other. ``skipped`` says why the file was not read after
    all.
    """

    file: FileToRead
    digest: bytes
    copies: Sequence[Copy] = ()
    starts: bool = True
    ends: bool = True
    skipped: SkippedFile | None = None

"""What is read from a source file: copies of runs, ready for the writer, and damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.source.kinds import SkippedFile, SourceFile
from tandem_store.importer.source.spans import Span
from tandem_store.ledger import Kind, KnownFile
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


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of something that goes to quarantine.

    ``compressed`` is ``None`` when there are too many to keep.
    """

    digest: bytes
    size: int
    compressed: bytes | None


@dataclass(frozen=True, slots=True)
class QuarantineReason:
    """Why something goes to quarantine: a code, and a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a run, or a range of bytes that should have been one.

    ``span`` is its range of bytes in the file, ``None`` if it is all of the file. ``facts`` is
    ``None`` if the bytes cannot be any run; ``claimed_id`` is then the id that they name all the
    same. ``run`` has the rows of a copy that may be stored as it is, ``fault`` and ``raw`` belong
    to one that goes to quarantine.
    """

    digest: bytes
    span: Span | None = None
    key: str | None = None
    facts: Facts | None = None
    claimed_id: str | None = None
    run: RunRows | None = None
    fault: QuarantineReason | None = None
    raw: Raw | None = None

    @property
    def run_id(self) -> str | None:
        """The run that this is a copy of, or claims to be."""
        return self.claimed_id if self.facts is None else self.facts.run_id

    @property
    def is_well_formed(self) -> bool:
        """Whether the copy may be stored before it is compared with others."""
        return (
            self.run is not None and self.facts is not None and self.facts.kind is Kind.WELL_FORMED
        )

    @property
    def is_hopeless(self) -> bool:
        """Whether no run can be made of it, so that it is quarantined at once."""
        return self.fault is not None and (
            self.facts is None or self.facts.kind is not Kind.DAMAGED
        )

    @property
    def ordinal(self) -> int:
        """Its position among the copies of its file."""
        return 0 if self.span is None else self.span.start


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a file, or from one part of a large file.

    ``digest`` is the SHA-256 of the whole file. ``starts`` and ``ends`` mark its first and its last
    part; the parts of one file follow each other. ``skipped`` says why the file was not read after
    all.
    """

    file: FileToRead
    digest: bytes
    copies: list[Copy] = field(default_factory=list)
    starts: bool = True
    ends: bool = True
    skipped: SkippedFile | None = None

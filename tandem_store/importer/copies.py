"""What reading a source file gives: its copies of runs, ready for the writer, and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.source.kinds import SkippedFile, SourceFile
from tandem_store.importer.source.spans import Span
from tandem_store.ledger import Kind
from tandem_store.runs import PackedRun


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of something that goes to quarantine.

    ``packed`` is ``None`` when there are too many to keep.
    """

    digest: bytes
    size: int
    packed: bytes | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something goes to quarantine: a code, and a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a run, or a range of bytes that should have been one.

    ``span`` is its range of bytes in the file, ``None`` if it is all of the file. ``facts`` is
    ``None`` for what cannot be any run; ``claimed_id`` is the id it names all the
    same. ``run`` is there for copies that may be stored as they are, ``fault`` and ``raw`` for
    those that go to quarantine.
    """

    digest: bytes
    span: Span | None = None
    key: str | None = None
    facts: Facts | None = None
    claimed_id: str | None = None
    run: PackedRun | None = None
    fault: Fault | None = None
    raw: Raw | None = None

    @property
    def hopeless(self) -> bool:
        """Quarantined at once: nothing can be made of it."""
        return self.fault is not None and (
            self.facts is None or self.facts.kind is not Kind.DAMAGED
        )

    @property
    def ordinal(self) -> int:
        """Its place among the copies of its file."""
        return 0 if self.span is None else self.span.start


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read, or one batch of a large file; ``last`` ends the file.

    ``digest`` is the SHA-256 of the whole file. ``passed`` says why it could not be read after all.
    """

    file: SourceFile
    digest: bytes
    copies: list[Copy] = field(default_factory=list)
    last: bool = True
    passed: SkippedFile | None = None

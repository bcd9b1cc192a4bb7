"""The types in which rows of the ledger are read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, TypedDict

from tandem_store.ledger.outcomes import (
    NO_PARTS,
    NO_REASON,
    CopyOutcome,
    Kind,
    Part,
    Reason,
)
from tandem_store.month import Month


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one state directory; ``state`` is scanning, settling or done."""

    id: int
    root: str
    state: str
    strict: bool


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that an import has read before, as it was then.

    ``complete`` is false if the import has not read all of it, ``finished`` says whether the import
    was finished; ``root`` is the directory that it read.
    """

    id: int
    size: int
    mtime_ns: int
    import_id: int
    root: str
    digest: bytes
    complete: bool
    finished: bool


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that an import has read: its path below the state root, size in bytes and SHA-256."""

    path: str
    size: int
    digest: bytes


class FileState(TypedDict):
    """How a file looked when an import read it, as columns of ``import_files``.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since 1970, ``digest`` the SHA-256 of all
    bytes. ``complete`` is false while the rest of a large file is still to be read.
    """

    import_id: int
    source: str
    size: int
    mtime_ns: int
    digest: bytes
    complete: bool


class FileRow(FileState):
    """A file, as a row of ``import_files``."""

    id: int
    directory_id: int
    name: str


class SeenRow(TypedDict):
    """Where a known copy stands now, and the import that found it there."""

    entry_id: int
    seen_import_id: int
    ordinal: int
    start: int | None
    value: int | None
    stop: int | None


class OutcomeRow(TypedDict):
    """The outcome of a copy; ``revision`` is that of the stored run if the copy won."""

    entry_id: int
    outcome: str
    reason: str | None
    revision: int | None


class KnownCopy(NamedTuple):
    """What tells a copy that a file held before from the others."""

    id: int
    key: str | None
    digest: bytes


class Entry(NamedTuple):
    """One copy of a run as the ledger has it, or will have it when the import has written it.

    A tuple, because an import makes one for each copy and sends it from process to process.
    """

    #: What kind of file holds the copy, as ``hot``.
    source: str
    #: The file, relative to the state root.
    path: str
    #: When the file was last changed, in nanoseconds since 1970, UTC.
    mtime_ns: int
    #: SHA-256 of the record; of the bytes, if they are damaged.
    digest: bytes
    #: The run that this is a copy of, or claims to be.
    run_id: str | None = None
    #: The copy's key in the file's JSON object, if it has one.
    key: str | None = None
    #: First byte of the copy and its key; ``None`` if the copy is all of the file.
    start: int | None = None
    #: First byte of the run, behind its key.
    value: int | None = None
    #: First byte after the copy.
    stop: int | None = None
    #: The month that the copy belongs to; ``None`` if no run can be made of it.
    month: Month | None = None
    #: How far the copy can be trusted; ``None`` if it takes no part in the choice between copies.
    kind: Kind | None = None
    #: The first eight bytes of a hash of the tenant, and of the automation's id: only compared.
    tenant: bytes = b""
    automation: bytes = b""
    #: When the record was last changed, in milliseconds since 1970, UTC.
    updated_at_ms: int = 0
    #: Number of node outputs.
    outputs: int = 0
    parts: Part = NO_PARTS
    #: ``None`` until something was decided about the copy.
    outcome: CopyOutcome | None = None
    reason: Reason = NO_REASON
    #: The revision of the run that this copy was stored as.
    revision: int | None = None
    # The numbers below are 0 until the import has written the copy.
    id: int = 0
    file_id: int = 0
    #: The import that found the copy first, and the last one that found it in its file.
    import_id: int = 0
    seen_import_id: int = 0

    @property
    def ordinal(self) -> int:
        """Its position among the copies of its file."""
        return self.start or 0

    @property
    def is_terminal(self) -> bool:
        """Whether the run had ended."""
        return Part.TERMINAL in self.parts


@dataclass(frozen=True, slots=True)
class Tally:
    """How many copies of one source and month had one outcome in one import."""

    source: str
    import_id: int
    outcome: str | None
    month: Month | None
    copies: int


@dataclass(frozen=True, slots=True)
class DatedRun:
    """A run with its date, in milliseconds since 1970, UTC."""

    run_id: str
    at_ms: int
    month: Month


#: Stored instead of a file's digest if the file has to be read again: no file has it.
NO_DIGEST: Final = bytes(32)

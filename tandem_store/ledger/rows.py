"""The types in which rows of the ledger are read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, TypedDict

from tandem_store.ledger.outcomes import CopyOutcome, Kind, Part, Reason
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


class EntryPosition(TypedDict):
    """Where a copy stands in its file, as columns of ``import_entries``.

    The bytes from ``start`` to ``stop``; the run itself begins at ``value``, behind its key. All
    three are ``None`` for a copy that is a whole file.
    """

    ordinal: int
    start: int | None
    value: int | None
    stop: int | None


class EntryRow(EntryPosition):
    """A copy of a run, as a row of ``import_entries``."""

    id: int
    import_id: int
    seen_import_id: int
    file_id: int
    key: str | None
    run_id: str | None
    digest: bytes
    month: Month | None
    kind: int | None
    tenant: bytes | None
    automation: bytes | None
    updated_at_ms: int | None
    outputs: int | None
    parts: int | None
    outcome: str | None
    reason: str | None
    revision: int | None


class SeenRow(EntryPosition):
    """Where a known copy stands now, and the import that found it there."""

    entry_id: int
    seen_import_id: int


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One copy of a run as the ledger remembers it. ``path`` is relative to the state root."""

    id: int
    import_id: int
    seen_import_id: int
    file_id: int
    source: str
    path: str
    mtime_ns: int
    start: int | None
    value: int | None
    stop: int | None
    key: str | None
    run_id: str | None
    digest: bytes
    month: Month | None
    kind: Kind | None
    tenant: bytes
    automation: bytes
    updated_at_ms: int
    outputs: int
    parts: Part
    outcome: CopyOutcome | None
    reason: Reason
    revision: int | None


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

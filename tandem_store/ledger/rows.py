"""The ledger's rows, and the questions that give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, select

from tandem_store.ledger.outcomes import CopyOutcome, Kind, Part, Reason
from tandem_store.mapping import from_column
from tandem_store.models import import_directories, import_entries, import_files, imports
from tandem_store.month import Month


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one state directory."""

    id: int
    root: str
    state: str
    strict: bool


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that an import has read before, as it was then."""

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
    """What an import read: the file's path below the state root, its size and its SHA-256."""

    path: str
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One copy as the ledger remembers it. ``path`` is relative to the state root."""

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
    month: int | None
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
    month: int | None
    copies: int


@dataclass(frozen=True, slots=True)
class DatedRun:
    """A run and the time that dates it, in milliseconds since 1970, UTC."""

    run_id: str
    at_ms: int
    month: Month


#: In the place of a file's digest: no file has it.
NO_DIGEST: Final = bytes(32)

IMPORTS: Final = select(imports.c.id, imports.c.root, imports.c.state, imports.c.strict)

FILES: Final = (
    select(
        import_files.c.name,
        import_files.c.id,
        import_files.c.size,
        import_files.c.mtime_ns,
        import_files.c.import_id,
        imports.c.root,
        import_files.c.digest,
        import_files.c.complete,
        imports.c.state,
    )
    .join_from(import_directories, import_files)
    .join(imports, imports.c.id == import_files.c.import_id)
    .where(import_directories.c.path == bindparam("path"))
)

ENTRIES: Final[Select[Any]] = (
    select(
        *import_entries.c,
        import_files.c.source,
        import_files.c.mtime_ns,
        import_files.c.name,
        import_directories.c.path,
    )
    .join_from(import_entries, import_files)
    .join(import_directories)
)


def known_file(row: Any) -> KnownFile:
    """A row of ``FILES``."""
    return KnownFile(
        id=row.id,
        size=row.size,
        mtime_ns=row.mtime_ns,
        import_id=row.import_id,
        root=from_column(row.root),
        digest=bytes(row.digest),
        complete=row.complete,
        finished=row.state == "done",
    )


def path_of(row: Any) -> str:
    """A file's path below the state root, from its directory's ``path`` and its ``name``."""
    return from_column(f"{row.path}/{row.name}" if row.path else row.name)


def entry_of(row: Row[Any]) -> Entry:
    """A row of ``ENTRIES``."""
    return Entry(
        id=row.id,
        import_id=row.import_id,
        seen_import_id=row.seen_import_id,
        file_id=row.file_id,
        source=row.source,
        path=path_of(row),
        mtime_ns=row.mtime_ns,
        start=row.start,
        value=row.value,
        stop=row.stop,
        key=None if row.key is None else from_column(row.key),
        run_id=None if row.run_id is None else from_column(row.run_id),
        digest=bytes(row.digest),
        month=row.month,
        kind=None if row.kind is None else Kind(row.kind),
        tenant=bytes(row.tenant or b""),
        automation=bytes(row.automation or b""),
        updated_at_ms=row.updated_at_ms or 0,
        outputs=row.outputs or 0,
        parts=Part(row.parts or 0),
        outcome=None if row.outcome is None else CopyOutcome(row.outcome),
        reason=Reason.of_column(row.reason),
        revision=row.revision,
    )

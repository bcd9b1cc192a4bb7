"""The ledger's statements, and the types made of their rows."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, select

from tandem_store.ledger.outcomes import CopyOutcome, Kind, Part, Reason
from tandem_store.ledger.rows import Entry, KnownFile
from tandem_store.tables import import_directories, import_entries, import_files, imports

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


#: The columns of ``entry_row``.
ENTRY_COLUMNS: Final = (
    "id",
    "import_id",
    "file_id",
    "seen_import_id",
    "ordinal",
    "start",
    "value",
    "stop",
    "key",
    "run_id",
    "digest",
    "month",
    "kind",
    "tenant",
    "automation",
    "updated_at_ms",
    "outputs",
    "parts",
    "outcome",
    "reason",
    "revision",
)


def entry_row(entry: Entry) -> tuple[Any, ...]:
    """Return the row of ``import_entries`` for a copy: the reverse of ``entry_of``.

    A tuple in the order of ``ENTRY_COLUMNS``, because an import writes one for each copy.
    """
    kind, outcome = entry.kind, entry.outcome
    return (
        entry.id,
        entry.import_id,
        entry.file_id,
        entry.seen_import_id,
        entry.ordinal,
        entry.start,
        entry.value,
        entry.stop,
        entry.key,
        entry.run_id,
        entry.digest,
        entry.month,
        None if kind is None else kind.value,
        entry.tenant,
        entry.automation,
        entry.updated_at_ms,
        entry.outputs,
        entry.parts.value,
        None if outcome is None else outcome.value,
        entry.reason.as_column(),
        entry.revision,
    )


def known_file(row: Any) -> KnownFile:
    """Return what a row of ``FILES`` says about a file."""
    return KnownFile(
        id=row.id,
        size=row.size,
        mtime_ns=row.mtime_ns,
        import_id=row.import_id,
        root=row.root,
        digest=row.digest,
        complete=row.complete,
        finished=row.state == "done",
    )


def path_of(row: Any) -> str:
    """Return a file's path below the state root, from its directory's ``path`` and its ``name``."""
    return f"{row.path}/{row.name}" if row.path else row.name


def entry_of(row: Row[Any]) -> Entry:
    """Return what a row of ``ENTRIES`` says about a copy."""
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
        key=row.key,
        run_id=row.run_id,
        digest=row.digest,
        month=row.month,
        kind=None if row.kind is None else Kind(row.kind),
        tenant=row.tenant or b"",
        automation=row.automation or b"",
        updated_at_ms=row.updated_at_ms or 0,
        outputs=row.outputs or 0,
        parts=Part(row.parts or 0),
        outcome=None if row.outcome is None else CopyOutcome(row.outcome),
        reason=Reason.of_column(row.reason),
        revision=row.revision,
    )

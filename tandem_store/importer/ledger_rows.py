"""Files as rows of the ledger, and rejected bytes as rows of the quarantine."""

from __future__ import annotations

from typing import Any

from tandem_store.importer.copies import Rejected
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.ledger import Entry, FileState


def file_state(import_id: int, file: SourceFile, digest: bytes, *, complete: bool) -> FileState:
    """Return how a file looked when it was read, as the ledger's columns."""
    return {
        "import_id": import_id,
        "source": file.source.value,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "digest": digest,
        "complete": complete,
    }


def quarantine_row(
    import_id: int,
    file: SourceFile,
    rejected: Rejected,
    *,
    entry: Entry | None = None,
    key: str | None = None,
    now_ms: int,
) -> dict[str, Any]:
    """Return the quarantine's row for bytes of a file.

    ``entry`` is their copy in the ledger; what is no copy of a run has at most a ``key``.
    """
    start, stop = (None, None) if entry is None else (entry.start, entry.stop)
    return {
        "import_id": import_id,
        "entry_id": None if entry is None else entry.id,
        "path": file.path,
        "layout": file.layout.value if start is None else "entry",
        "key": key if entry is None else entry.key,
        "start": start,
        "stop": stop,
        "digest": rejected.raw.digest,
        "reason": rejected.reason,
        "message": rejected.message,
        "size": rejected.raw.size,
        "encoding": None if rejected.raw.compressed is None else "zstd",
        "raw": rejected.raw.compressed,
        "kept_in_source": rejected.raw.compressed is None,
        "created_at_ms": now_ms,
        "discarded_at_ms": None,
    }

"""What came of detaching, attaching, dropping and forgetting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem_store.month import Month


@dataclass(slots=True, kw_only=True)
class DetachReport:
    """A month that left the store.

    ``bytes`` is the size of the archive. ``database_bytes_before`` and ``_after`` are those of the
    SQLite file without its log, or of all of the PostgreSQL database.
    """

    month: Month
    runs: int
    quarantined: int
    bytes: int
    archive: Path
    database_bytes_before: int = 0
    database_bytes_after: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "month": self.month.label,
            "runs": self.runs,
            "quarantined": self.quarantined,
            "bytes": self.bytes,
            "archive": str(self.archive),
            "database_bytes_before": self.database_bytes_before,
            "database_bytes_after": self.database_bytes_after,
            "seconds": self.seconds,
        }


@dataclass(slots=True, kw_only=True)
class AttachReport:
    """A month that came back. ``restored`` of its runs had had their content forgotten."""

    month: Month
    runs: int
    quarantined: int
    restored: int
    archive: Path
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "month": self.month.label,
            "runs": self.runs,
            "quarantined": self.quarantined,
            "restored": self.restored,
            "archive": str(self.archive),
            "seconds": self.seconds,
        }


@dataclass(slots=True, kw_only=True)
class DropReport:
    """A month that is gone. ``removed`` says whether its archive was there to be removed.

    ``left`` says why the file at that place was left alone; ``None`` if it was not.
    """

    month: Month
    runs: int
    archive: Path
    removed: bool = False
    left: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "month": self.month.label,
            "runs": self.runs,
            "archive": str(self.archive),
            "removed": self.removed,
            "left": self.left,
        }


@dataclass(slots=True, kw_only=True)
class ForgetReport:
    """A month whose content was forgotten.

    ``runs`` are those that had content, and ``quarantined`` the items that were discarded.
    ``archive`` is where the content was written to before; ``None`` if it was not asked for.
    """

    month: Month
    runs: int
    quarantined: int
    archive: Path | None = None
    database_bytes_before: int = 0
    database_bytes_after: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "month": self.month.label,
            "runs": self.runs,
            "quarantined": self.quarantined,
            "archive": None if self.archive is None else str(self.archive),
            "database_bytes_before": self.database_bytes_before,
            "database_bytes_after": self.database_bytes_after,
            "seconds": self.seconds,
        }

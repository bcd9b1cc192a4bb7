"""What a backup holds, and what a restore made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem_store.month import Month


@dataclass(frozen=True, slots=True)
class Content:
    """What a store holds: rows by table, runs by month, and the detached months left out.

    ``left_behind`` are detached months, whose runs are in archives of their own. ``revision`` is
    the database's.
    """

    revision: str
    tables: dict[str, int]
    months: dict[Month, int]
    left_behind: tuple[Month, ...] = ()

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return self.tables["runs"]

    def to_json(self) -> dict[str, Any]:
        """Return the content as a JSON object."""
        return {
            "revision": self.revision,
            "runs": self.runs,
            "tables": self.tables,
            "months": {month.label: runs for month, runs in self.months.items()},
            "left_behind": [month.label for month in self.left_behind],
        }


@dataclass(slots=True)
class BackupReport:
    """A finished, verified backup.

    ``at_ms`` is the moment that it shows, in milliseconds since 1970; ``size`` is in bytes;
    ``digest`` is the SHA-256 of the file. ``not_recorded`` says why the store does not know of it,
    if so. ``removed`` are older backups that went because of ``keep``; ``altered`` are those that
    would have gone, but are no longer as they were written.
    """

    file: Path
    at_ms: int
    content: Content
    size: int
    digest: str
    not_recorded: str | None = None
    removed: list[Path] = field(default_factory=list)
    altered: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "file": str(self.file),
            "at_ms": self.at_ms,
            "bytes": self.size,
            "sha256": self.digest,
            **self.content.to_json(),
            "recorded": self.not_recorded is None,
            "removed": [str(path) for path in self.removed],
            "altered": [str(path) for path in self.altered],
            "seconds": self.seconds,
        }


@dataclass(slots=True)
class RestoreReport:
    """A finished restore.

    ``upgraded_from`` is the revision of the backup if it was older than this version's; ``sealed``
    is False for a store file that ``backup`` did not make, or that was written to since: its
    structure was checked, but there was no checksum to compare it with. ``digest`` is the SHA-256
    of the backup file.
    """

    file: Path
    content: Content
    digest: str
    sealed: bool
    upgraded_from: str | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "file": str(self.file),
            "sha256": self.digest,
            **self.content.to_json(),
            "sealed": self.sealed,
            "upgraded_from": self.upgraded_from,
            "seconds": self.seconds,
        }

"""The report of an export for the engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tandem_store.exporter.state_directory.limits import Limit


@dataclass(frozen=True, slots=True)
class LimitedRun:
    """A run that the engine cannot read or save as others, why, and the file that has it."""

    run_id: str
    limit: Limit
    #: Relative to the exported folder.
    path: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"run_id": self.run_id, "limit": self.limit.value, "path": self.path}


@dataclass(slots=True)
class LegacyExportReport:
    """A finished export: what was written where.

    ``runs`` is how many were exported; each has a file of its own, and ``hot`` of them are in the
    hot file too. ``already_there`` of the files are from an interrupted call. ``quarantined`` is
    how many items of the quarantine are in the store only. Left out are ``forgotten`` runs, whose
    content is gone, and ``detached`` ones, whatever the filter, whose months are in archives.
    """

    target: str
    runs: int = 0
    hot: int = 0
    definitions: int = 0
    bytes: int = 0
    already_there: int = 0
    quarantined: int = 0
    forgotten: int = 0
    detached: int = 0
    limited: list[LimitedRun] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def limits(self) -> Counter[Limit]:
        """How many runs are beyond each limit."""
        return Counter(one.limit for one in self.limited)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "target": self.target,
            "runs": self.runs,
            "hot": self.hot,
            "definitions": self.definitions,
            "bytes": self.bytes,
            "already_there": self.already_there,
            "quarantined": self.quarantined,
            "forgotten": self.forgotten,
            "detached": self.detached,
            "limited": [one.to_json() for one in self.limited],
            "seconds": self.seconds,
        }

"""What was compacted, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tandem_store.month import Month


@dataclass(slots=True, kw_only=True)
class CompactedMonth:
    """One month; bytes are those of all its documents, without indexes."""

    month: Month
    #: How many documents were written anew.
    runs: int = 0
    bytes_before: int
    bytes_after: int
    #: How many documents stay as they are because they are damaged.
    damaged: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the month as a JSON object."""
        return {
            "month": self.month.label,
            "runs": self.runs,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "damaged": self.damaged,
        }


@dataclass(slots=True, kw_only=True)
class CompactReport:
    """The months that were compacted, and the bytes of the database before and after."""

    items: list[CompactedMonth] = field(default_factory=list)
    database_bytes_before: int
    database_bytes_after: int
    seconds: float = 0.0

    @property
    def runs(self) -> int:
        """How many documents were written anew."""
        return sum(one.runs for one in self.items)

    @property
    def damaged(self) -> int:
        """How many documents stay as they are because they are damaged."""
        return sum(one.damaged for one in self.items)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "items": [one.to_json() for one in self.items],
            "database_bytes_before": self.database_bytes_before,
            "database_bytes_after": self.database_bytes_after,
            "seconds": self.seconds,
        }

"""The report of a copy: what was copied, and what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tandem_store.month import Month


class RowSum(NamedTuple):
    """How many rows there are, and a SHA-256 over all of them in the order of their keys.

    Without a digest where only the number was asked for.
    """

    rows: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class TableDifference:
    """A table, or the runs of one month (``YYYY-MM``), that is not the same in both stores."""

    what: str
    source: RowSum
    target: RowSum


@dataclass(slots=True)
class CopyReport:
    """A finished copy. With ``differences`` it is not finished, and the target stays closed.

    ``months`` counts the runs of every attached month. ``copied`` is how many rows this call wrote;
    the others were there from an interrupted one. ``finished_before`` says that an earlier call had
    copied everything and this one only compared. ``left_behind`` are detached months, whose
    runs are in archives that a copy does not take along.
    """

    tables: dict[str, int] = field(default_factory=dict)
    months: dict[Month, int] = field(default_factory=dict)
    copied: int = 0
    finished_before: bool = False
    left_behind: list[Month] = field(default_factory=list)
    differences: list[TableDifference] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "tables": self.tables,
            "months": {month.label: runs for month, runs in self.months.items()},
            "copied": self.copied,
            "finished_before": self.finished_before,
            "left_behind": [month.label for month in self.left_behind],
            "differences": [
                {
                    "what": one.what,
                    "source": one.source._asdict(),
                    "target": one.target._asdict(),
                }
                for one in self.differences
            ],
            "seconds": self.seconds,
        }

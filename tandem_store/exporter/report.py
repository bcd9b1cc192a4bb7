"""The report of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ExportReport:
    """A finished export: where it is, and how much is in it.

    ``target`` is the absolute path of a file or folder, None for what went to an open stream.
    ``bytes`` counts what was written, compressed if it is. ``node_outputs`` counts the rows of the
    second table of a Parquet export, and is None for the other formats. ``forgotten`` is how many
    runs have only their columns left: as complete records they are left out, and values in the
    record are null. ``detached`` is how many runs of any kind are left out because their months are
    detached.
    """

    target: str | None
    fields: list[str] | None
    runs: int = 0
    node_outputs: int | None = None
    bytes: int = 0
    forgotten: int = 0
    detached: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "target": self.target,
            "fields": self.fields,
            "runs": self.runs,
            **({} if self.node_outputs is None else {"node_outputs": self.node_outputs}),
            "bytes": self.bytes,
            "forgotten": self.forgotten,
            "detached": self.detached,
            "seconds": self.seconds,
        }

"""Files of runs that were cut off: what was saved of each, as the ledger and quarantine have it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tandem_store.importer.source.spans import DamageKind
from tandem_store.quarantine import QuarantineItem
from tandem_store.store import ReadTransaction


@dataclass(frozen=True, slots=True)
class Truncated:
    """One file that ends too early; how many runs stood behind its end, nobody knows.

    ``bytes`` is its size and ``at`` where its whole part ends; ``saved`` is how many whole runs
    were read before that, ``partial`` 1 if one was cut through.
    """

    path: str
    bytes: int
    saved: int
    partial: int
    at: int

    def to_json(self) -> dict[str, Any]:
        """Return the file as a JSON object."""
        return {
            "path": self.path,
            "bytes": self.bytes,
            "saved": self.saved,
            "partial": self.partial,
            "at": self.at,
        }


def truncated_files(tx: ReadTransaction, items: Iterable[QuarantineItem]) -> list[Truncated]:
    """Return the files of which the cut-off end is among the quarantined items."""
    return [
        Truncated(
            path=item.path,
            bytes=item.stop,
            saved=tx.ledger.count_complete(tx.ledger.require(item.entry_id).file_id),
            partial=int(item.stop > item.start),
            at=item.start,
        )
        for item in items
        if item.reason == DamageKind.TRUNCATED.value
        and item.entry_id is not None
        and item.start is not None
        and item.stop is not None
    ]

"""A definition snapshot as its row: addressed by content, shared by the runs that ran with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from tandem_store.jsontext import canonical, dumps
from tandem_store.mapping.compression import decompress
from tandem_store.mapping.overlay import lift


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot without its volatile keys.

    ``digest`` is the SHA-256 of the JSON with sorted keys; ``document`` keeps the original order.
    """

    digest: bytes
    document: bytes


#: How many snapshots are kept that were read: as they are stored, and what they hold. Services read
#: few definitions many times.
_MOST_READ: Final = 256
_read: Final[dict[bytes, tuple[bytes, bytes]]] = {}


def snapshot_document(digest: bytes, blob: bytes, encoding: str) -> bytes:
    """Return what a stored snapshot holds: the same object if it was read not long ago.

    Raises ``NotAStoreError`` for damage, as ``decompress`` does.
    """
    stored, document = _read.get(digest, (None, b""))
    if stored != blob:
        document = decompress(blob, encoding)
        if len(_read) >= _MOST_READ:
            _read.clear()
        _read[digest] = blob, document
    return document


@dataclass(frozen=True, slots=True)
class LiftedSnapshot:
    """A record's snapshot, shared part and overlay apart; neither if the record has none."""

    shared: Snapshot | None = None
    overlay: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, record: dict[str, Any]) -> LiftedSnapshot:
        """Return the snapshot of a record, which need not be well-formed."""
        snapshot = record.get("automation_snapshot")
        if not isinstance(snapshot, dict):
            return cls()
        core, overlay = lift(snapshot)
        return cls(Snapshot(sha256(canonical(core)).digest(), dumps(core)), overlay)

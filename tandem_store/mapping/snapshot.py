"""A definition snapshot as its row: addressed by content, shared by the runs that ran with it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from tandem_store.jsontext import dumps
from tandem_store.mapping.compression import decompress
from tandem_store.mapping.digests import snapshot_digest
from tandem_store.mapping.overlay import lift

#: What this version writes as the version of a definition.
DEFINITION_VERSION: Final = 1
#: How many snapshots are remembered with their digests, and the most bytes of one of them.
_REMEMBERED: Final = 512
_LARGEST_REMEMBERED: Final = 256 * 1024


class Snapshot(NamedTuple):
    """A snapshot without its volatile keys.

    ``digest`` is the SHA-256 of the JSON with sorted keys; ``document`` keeps the original order.
    """

    digest: bytes
    document: bytes

    @classmethod
    def of(cls, document: bytes) -> Snapshot:
        """Return the snapshot with this JSON; the same object for one that was seen before."""
        is_small = len(document) <= _LARGEST_REMEMBERED
        return _remembered(document) if is_small else _with_digest(document)


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


class LiftedSnapshot(NamedTuple):
    """A record's snapshot, shared part and overlay apart; neither if the record has none."""

    shared: Snapshot | None
    overlay: dict[str, Any]

    @classmethod
    def of(cls, record: Any) -> LiftedSnapshot:
        """Return the snapshot of a value that may be a record, well-formed or not."""
        snapshot = record.get("automation_snapshot") if isinstance(record, dict) else None
        if not isinstance(snapshot, dict):
            return cls(None, {})
        core, overlay = lift(snapshot)
        return cls(Snapshot.of(dumps(core)), overlay)


def _with_digest(document: bytes) -> Snapshot:
    return Snapshot(snapshot_digest(document), document)


# Many runs share a snapshot, and sorting its keys takes four times as long as looking it up.
_remembered: Final = lru_cache(maxsize=_REMEMBERED)(_with_digest)

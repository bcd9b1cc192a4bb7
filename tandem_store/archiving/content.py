"""What of a store belongs to a month, and the digest of that.

The digest is of what the runs are, not of how they are stored: it is the same in the store and in
the archive, whatever their databases, compression and schema revisions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Row, select

from tandem_store.batches import batched
from tandem_store.database.damaged_rows import damaged, damaged_run
from tandem_store.errors import NotAStoreError
from tandem_store.jsontext import canonical
from tandem_store.mapping import decompress
from tandem_store.mapping.compression import LARGEST_DOCUMENT
from tandem_store.mapping.digests import columns_digest, snapshot_digest
from tandem_store.month import Month
from tandem_store.runs import StoredRun
from tandem_store.runs.context import RunsContext
from tandem_store.runs.stream import BATCH, documents
from tandem_store.tables import import_entries, quarantine, runs, stored_table

#: The columns of a run that its document does not vouch for.
_OWN: Final = (
    "revision",
    "imported",
    "claimed_by",
    "claim_epoch",
    "claim_expires_at_ms",
    "claim_token",
)
#: The columns of a quarantined item, in the order in which they are hashed. Not its numbers, which
#: another store may have given to others.
_ITEM: Final = (
    "path",
    "layout",
    "key",
    "start",
    "stop",
    "reason",
    "message",
    "size",
    "kept_in_source",
    "created_at_ms",
    "discarded_at_ms",
)

#: Called with how many runs were read just now.
Count = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Content:
    """The runs and the quarantined items of a month, by their ids in one database."""

    run_ids: list[str]
    item_ids: list[int]

    @classmethod
    def of_month(cls, connection: Connection, month: Month) -> Self:
        """Return what the store has of a month."""
        items = select(quarantine.c.id).join_from(quarantine, import_entries)
        return cls(
            _run_ids(connection, runs.c.month == month),
            list(connection.scalars(items.where(import_entries.c.month == month))),
        )

    @classmethod
    def of_archive(cls, connection: Connection) -> Self:
        """Return all that an archive has."""
        return cls(_run_ids(connection), list(connection.scalars(select(quarantine.c.id))))


def _run_ids(connection: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    query = select(runs.c.run_id).where(*conditions).order_by(runs.c.run_id)
    return list(connection.scalars(query))


def digest_of(connection: Connection, content: Content, count: Count, *, check: bool) -> bytes:
    """Return the SHA-256 over the runs and the items; everything is read and decompressed.

    With ``check``, each run is also read as a record.

    Raises ``NotAStoreError`` for a run or an item that is damaged.
    """
    digest, snapshots = hashlib.sha256(), set[bytes]()
    for batch in batched(content.run_ids, BATCH):
        found = 0
        for stored in documents(RunsContext(connection), batch):
            if check:
                _refuse_damaged(stored, snapshots)
            digest.update(_line_of_run(stored))
            found += 1
        if found != len(batch):
            raise NotAStoreError("Runs were deleted while their month was read.")
        count(len(batch))
    for line in sorted(_lines_of_items(connection, content.item_ids)):
        digest.update(line)
    return digest.digest()


def _refuse_damaged(stored: StoredRun, seen: set[bytes]) -> None:
    """Raise an error unless the run can be read; ``seen`` has the digests of sound snapshots."""
    if wrong := stored.check():
        raise NotAStoreError(wrong)
    digest = stored.columns["snapshot_digest"]
    if stored.snapshot is None or digest in seen:
        return
    if snapshot_digest(stored.snapshot) != digest:
        raise damaged_run(stored.run_id, stored.month, "has a snapshot unlike its digest")
    seen.add(digest)


def _line_of_run(stored: StoredRun) -> bytes:
    columns = stored.columns
    snapshot = columns["snapshot_digest"]
    line = [stored.run_id, *(columns[name] for name in _OWN)]
    if stored.is_forgotten:
        # What is left has no document with a digest of the columns.
        line.append(columns_digest(columns, snapshot))
    else:
        line.append(hashlib.sha256(stored.document).hexdigest())
        line.append(None if snapshot is None else snapshot.hex())
    return canonical(line) + b"\n"


def _lines_of_items(connection: Connection, item_ids: list[int]) -> Iterator[bytes]:
    # Text as it is stored, because a file name that is not UTF-8 has no other form in JSON.
    table = stored_table(quarantine)
    for batch in batched(item_ids, BATCH):
        for row in connection.execute(select(table).where(table.c.id.in_(batch))):
            raw = None if row.raw is None else hashlib.sha256(_raw(row)).hexdigest()
            values = [getattr(row, name) for name in _ITEM]
            yield canonical([row.digest.hex(), raw, *values]) + b"\n"


def _raw(row: Row[Any]) -> bytes:
    try:
        return decompress(row.raw, row.encoding, largest=min(row.size, LARGEST_DOCUMENT))
    except NotAStoreError as error:
        raise damaged(f"The quarantined item {row.id}", f"cannot be read: {error}") from error

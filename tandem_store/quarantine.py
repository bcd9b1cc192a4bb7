"""The quarantine: what could not be imported, with its bytes, until somebody decides."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select, update

from tandem_store.database.bulk import insert_rows
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged
from tandem_store.database.read_only import ReadOnly
from tandem_store.errors import NotAStoreError, NotFoundError
from tandem_store.mapping import decompress
from tandem_store.mapping.compression import LARGEST_DOCUMENT
from tandem_store.tables import import_entries, import_files, quarantine

#: How many ids are named in one statement.
_BATCH: Final = 500
#: The largest number that a database accepts in a question.
_LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """One item, without its bytes. ``path`` is relative to the state root, sizes are bytes.

    ``layout`` is what the bytes should have been: ``entry``, ``shard``, ``runs``, ``context``,
    ``definition`` or ``definitions``.
    """

    id: int
    import_id: int | None
    entry_id: int | None
    path: str
    layout: str
    key: str | None
    start: int | None
    stop: int | None
    digest: bytes
    reason: str
    message: str
    size: int
    kept_in_source: bool
    discarded: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an item still waits; ``entry_id`` is its copy's, None for definitions."""

    entry_id: int | None
    path: str
    digest: bytes
    kept_in_source: bool
    discarded: bool


class QuarantineReader(ReadOnly):
    """The quarantine as the connection's transaction sees it; cannot write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, include_discarded: bool = False) -> list[QuarantineItem]:
        """Return the items by path and, within a file, in the order of their bytes."""
        rows = _ITEMS
        if not include_discarded:
            rows = rows.where(quarantine.c.discarded_at_ms.is_(None))
        found = self._connection.execute(rows, execution_options={"yield_per": _BATCH})
        # Sorted here, because PostgreSQL compares paths by the rules of a language.
        return sorted(map(_item, found), key=_position)

    def of_files(
        self, file_ids: Sequence[int], definition_paths: Sequence[str]
    ) -> builtins.list[QuarantineItem]:
        """Return the items of what files hold now, without the discarded ones.

        Files are named by their ledger ids. Definitions are not copies, so they are named by path.
        """
        found: builtins.list[QuarantineItem] = []
        still_there = import_entries.c.seen_import_id == import_files.c.import_id
        copies = _ITEMS.join(import_entries, import_entries.c.id == quarantine.c.entry_id).join(
            import_files, import_files.c.id == import_entries.c.file_id
        )
        for first in range(0, len(file_ids), _BATCH):
            batch = import_files.c.id.in_(file_ids[first : first + _BATCH])
            found += self._undiscarded(copies.where(batch, still_there))
        paths = quarantine.c.path.in_(definition_paths)
        found += self._undiscarded(_ITEMS.where(quarantine.c.entry_id.is_(None), paths))
        return sorted(found, key=_position)

    def _undiscarded(self, items: Select[Any]) -> Iterator[QuarantineItem]:
        waiting = items.where(quarantine.c.discarded_at_ms.is_(None))
        return map(_item, self._connection.execute(waiting))

    def decisions(self) -> Iterator[Decision]:
        """Yield, for each item, whether it still waits; this is far less data than the items."""
        rows = self._connection.execute(_DECISIONS, execution_options={"yield_per": _BATCH})
        return (
            Decision(
                row.entry_id,
                row.path,
                row.digest,
                kept_in_source=row.kept_in_source,
                discarded=row.discarded_at_ms is not None,
            )
            for row in rows
        )

    def get(self, item_id: int) -> QuarantineItem | None:
        """Return one item, or None if there is no item with this number."""
        if not _is_possible(item_id):
            return None
        row = self._connection.execute(_ITEMS.where(quarantine.c.id == item_id)).one_or_none()
        return None if row is None else _item(row)

    def require(self, item_id: int) -> QuarantineItem:
        """Return one item. Raises ``NotFoundError`` if there is no item with this number."""
        item = self.get(item_id)
        if item is None:
            raise NotFoundError(
                f"There is no quarantined item {item_id}; tandem-store quarantine list has them."
            )
        return item

    def raw(self, item_id: int) -> bytes | None:
        """Return the bytes as they were in the source, or None if only the source has them."""
        if not _is_possible(item_id):
            return None
        row = self._connection.execute(
            select(quarantine.c.raw, quarantine.c.encoding, quarantine.c.size).where(
                quarantine.c.id == item_id
            )
        ).one_or_none()
        if row is None or row.raw is None:
            return None
        try:
            return decompress(row.raw, row.encoding, largest=min(row.size, LARGEST_DOCUMENT))
        except (NotAStoreError, *DAMAGE) as error:
            raise _damaged(item_id, error) from error

    def count_undiscarded(self) -> int:
        """Return how many items wait for a decision."""
        return self._connection.execute(
            select(func.count()).where(quarantine.c.discarded_at_ms.is_(None))
        ).scalar_one()


class Quarantine(QuarantineReader):
    """The quarantine, for reading and writing; the connection's owner commits."""

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add items, as rows of the table."""
        insert_rows(self._connection, quarantine, rows)

    def discard(self, item_ids: Iterable[int], *, now_ms: int) -> int:
        """Delete the bytes of items for good; returns how many there were."""
        result = self._connection.execute(
            update(quarantine)
            .where(
                quarantine.c.id.in_(filter(_is_possible, item_ids)),
                quarantine.c.discarded_at_ms.is_(None),
            )
            .values(raw=None, encoding=None, discarded_at_ms=now_ms)
        )
        return result.rowcount


_COLUMNS: Final = [column for column in quarantine.c if column.name not in {"raw", "encoding"}]
_DECISIONS: Final = select(
    quarantine.c.entry_id,
    quarantine.c.path,
    quarantine.c.digest,
    quarantine.c.kept_in_source,
    quarantine.c.discarded_at_ms,
)
_ITEMS: Final = select(*_COLUMNS).select_from(quarantine)
_TYPES: Final = RowTypes(_COLUMNS)


def _is_possible(item_id: int) -> bool:
    return 0 < item_id <= _LARGEST_ID


def _damaged(item_id: object, error: Exception) -> NotAStoreError:
    return damaged(f"The quarantined item {item_id}", f"cannot be read: {error}")


def _item(row: Row[Any]) -> QuarantineItem:
    try:
        _TYPES.refuse_others(row)
        return QuarantineItem(
            id=row.id,
            import_id=row.import_id,
            entry_id=row.entry_id,
            path=row.path,
            layout=row.layout,
            key=row.key,
            start=row.start,
            stop=row.stop,
            digest=row.digest,
            reason=row.reason,
            message=row.message,
            size=row.size,
            kept_in_source=row.kept_in_source,
            discarded=row.discarded_at_ms is not None,
        )
    except DAMAGE as error:
        raise _damaged(row.id, error) from error


def _position(item: QuarantineItem) -> tuple[str, int, int]:
    return item.path, item.start or 0, item.id

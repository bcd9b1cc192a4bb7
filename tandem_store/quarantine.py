"""The quarantine: what could not be imported, with its bytes, until somebody decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update

from tandem_store.bulk import insert_rows
from tandem_store.errors import NotFoundError
from tandem_store.mapping import from_column, to_column, unpack
from tandem_store.schema import imports, quarantine


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


class Quarantine:
    """The quarantine on an open connection; never commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take items in, as rows of the table."""
        insert_rows(self._connection, quarantine, rows)

    def list(self, *, include_discarded: bool = False) -> list[QuarantineItem]:
        """The items by path and place."""
        rows = _ITEMS.order_by(quarantine.c.path, quarantine.c.start, quarantine.c.id)
        if not include_discarded:
            rows = rows.where(quarantine.c.discarded_at_ms.is_(None))
        return [_item(row) for row in self._connection.execute(rows)]

    def of_source(self, root: str) -> Iterable[QuarantineItem]:
        """The items that imports of one state directory left, without the discarded ones."""
        rows = (
            _ITEMS.join(imports, imports.c.id == quarantine.c.import_id)
            .where(imports.c.root == to_column(root), quarantine.c.discarded_at_ms.is_(None))
            .order_by(quarantine.c.path, quarantine.c.start, quarantine.c.id)
        )
        return [_item(row) for row in self._connection.execute(rows)]

    def get(self, item_id: int) -> QuarantineItem:
        """One item. Raises ``NotFoundError`` if there is none with this number."""
        row = self._connection.execute(_ITEMS.where(quarantine.c.id == item_id)).one_or_none()
        if row is None:
            raise NotFoundError(
                f"There is no quarantined item {item_id}; tandem-store quarantine list has them."
            )
        return _item(row)

    def raw(self, item_id: int) -> bytes | None:
        """The bytes as they stood in the source, or ``None`` if only the source has them."""
        row = self._connection.execute(
            select(quarantine.c.raw, quarantine.c.encoding).where(quarantine.c.id == item_id)
        ).one_or_none()
        if row is None or row.raw is None:
            return None
        return unpack(bytes(row.raw), row.encoding)

    def discard(self, item_ids: Iterable[int], *, now_ms: int) -> int:
        """Drop the bytes of items for good; gives how many there were."""
        result = self._connection.execute(
            update(quarantine)
            .where(quarantine.c.id.in_(item_ids), quarantine.c.discarded_at_ms.is_(None))
            .values(raw=None, encoding=None, discarded_at_ms=now_ms)
        )
        return result.rowcount

    def count_undiscarded(self) -> int:
        """How many items wait for a decision."""
        return self._connection.execute(
            select(func.count()).where(quarantine.c.discarded_at_ms.is_(None))
        ).scalar_one()


_COLUMNS: Final = [column for column in quarantine.c if column.name not in {"raw", "encoding"}]
_ITEMS: Final = select(*_COLUMNS)


def _item(row: Row[Any]) -> QuarantineItem:
    return QuarantineItem(
        id=row.id,
        import_id=row.import_id,
        entry_id=row.entry_id,
        path=from_column(row.path),
        layout=row.layout,
        key=None if row.key is None else from_column(row.key),
        start=row.start,
        stop=row.stop,
        digest=bytes(row.digest),
        reason=row.reason,
        message=from_column(row.message),
        size=row.size,
        kept_in_source=row.kept_in_source,
        discarded=row.discarded_at_ms is not None,
    )

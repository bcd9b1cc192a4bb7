"""The documents of one month that are not compacted yet: counted, sampled, read and replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    func,
    literal,
    select,
)

from tandem_store.column_types import MonthKey
from tandem_store.copying import parts
from tandem_store.copying.parts import Batch, Key, StorePart
from tandem_store.database import partitions, space
from tandem_store.errors import NotAStoreError
from tandem_store.mapping import compression
from tandem_store.mapping.compression import FORGOTTEN, WITH_DICTIONARY, dictionary_number
from tandem_store.month import Month
from tandem_store.tables import stored_table

#: Bytes of the beginning of a frame in which its dictionary is named.
_HEADER: Final = 18


class Replacement(NamedTuple):
    """A document as it was read, and what is to be written instead."""

    run_id: str
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of one month. Values are read and written as they are stored."""

    month: Month
    table: Table

    @classmethod
    def of(cls, connection: Connection, month: Month) -> Self:
        """Return the documents of ``month`` in the connection's database."""
        return cls(month, stored_table(partitions.document_table(connection, month)))

    @property
    def _here(self) -> ColumnElement[bool]:
        return self.table.c.month == literal(self.month, MonthKey())

    @property
    def _is_left(self) -> ColumnElement[bool]:
        return self._here & self.table.c.encoding.not_in([WITH_DICTIONARY, FORGOTTEN])

    def size(self, connection: Connection) -> int:
        """Return the bytes of all documents of the month."""
        query = select(func.sum(func.length(self.table.c.document))).where(self._here)
        return int(connection.execute(query).scalar() or 0)

    def left(self, connection: Connection) -> tuple[int, int]:
        """Return how many documents are left to compact, and their bytes."""
        size = func.sum(func.length(self.table.c.document))
        row = connection.execute(select(func.count(), size).where(self._is_left)).one()
        return row[0], int(row[1] or 0)

    def sample(self, connection: Connection, part: Fraction) -> Iterator[bytes]:
        """Yield a part of the documents that are left, decompressed, evenly by their ids.

        Damaged ones are left out.
        """
        table = self.table
        position = func.row_number().over(order_by=table.c.run_id).label("position")
        numbered = select(table.c.run_id, position).where(self._is_left).subquery()
        chosen = numbered.c.position * part.numerator % part.denominator < part.numerator
        wanted = select(table.c.encoding, table.c.document)
        for run_id in connection.execute(select(numbered.c.run_id).where(chosen)).scalars().all():
            row = connection.execute(wanted.where(self._here, table.c.run_id == run_id)).one()
            with suppress(NotAStoreError):
                yield compression.decompress(row.document, row.encoding)

    def batch(self, connection: Connection, after: Key | None, limit: Batch) -> Sequence[Row[Any]]:
        """Return the next documents that are left, behind the key ``after``; none at the end."""
        rows = select(self.table.c.run_id, self.table.c.encoding, self.table.c.document)
        key = (self.table.c.run_id,)
        part = StorePart(self.month.label, (self.table,), key, rows.where(self._is_left))
        return next(parts.batches(connection, part, after, limit), ())

    def replace(self, connection: Connection, documents: Sequence[Replacement]) -> int:
        """Write documents over those that are still as they were read; return how many are.

        A document that another transaction is writing, or has written since, is left alone.
        """
        table = self.table
        found = connection.execute(
            select(table)
            .where(self._here, table.c.run_id.in_([one.run_id for one in documents]))
            # In one order, and without waiting, so that no two transactions wait for each other.
            .order_by(table.c.run_id)
            .with_for_update(skip_locked=True)
        )
        wanted = {one.run_id: one for one in documents}
        rows = [
            {**row, "encoding": WITH_DICTIONARY, "document": wanted[row["run_id"]].new}
            for row in found.mappings()
            if bytes(row["document"]) == wanted[row["run_id"]].old
        ]
        space.rewrite_rows(connection, table, rows, key=(table.c.month, table.c.run_id))
        return len(rows)

    def needed(self, connection: Connection, listed: set[int]) -> set[int]:
        """Return those of the ``listed`` dictionaries that a document of the month needs."""
        start = func.substr(self.table.c.document, 1, _HEADER)
        query = select(start).where(self._here, self.table.c.encoding == WITH_DICTIONARY)
        needed: set[int] = set()
        # The first row decides mostly, so not all of them are fetched.
        with connection.execute(query, execution_options={"stream_results": True}) as found:
            for start in found.scalars():
                needed.add(dictionary_number(bytes(start)))
                if needed >= listed:
                    break
        return needed

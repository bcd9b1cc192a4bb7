"""The parts of a store that are copied and compared one after the other, and their order.

A part is a table, or the runs of one month with their documents. Its rows go in the order of its
key, which both databases agree on: ids collate by code point on either. Values are read and written
as they are stored, whatever they mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    func,
    literal,
    null,
    select,
    tuple_,
)

from tandem_store import tables
from tandem_store.column_types import MonthKey
from tandem_store.database import partitions
from tandem_store.database.bulk import insert_tuples
from tandem_store.month import Month
from tandem_store.tables import stored_table

Key = tuple[Any, ...]


class Batch(NamedTuple):
    """How much is read, and written in one transaction: at most so many rows and bytes.

    One row that is greater than ``size`` is a batch of its own.
    """

    rows: int = 2_000
    size: int = 8_000_000


DEFAULT_BATCH: Final = Batch()


@dataclass(frozen=True, slots=True)
class StorePart:
    """A part in one database; each of its rows is a row of every table, side by side."""

    name: str
    tables: tuple[Table, ...]
    key: tuple[ColumnElement[Any], ...]
    rows: Select[Any]

    def after(self, key: Key | None) -> Select[Any]:
        """Return the query for all rows, or for those behind ``key``, in the order of the key."""
        rows = self.rows.order_by(*self.key)
        return rows if key is None else rows.where(tuple_(*self.key) > tuple_(*key))

    def last_key(self, connection: Connection) -> Key | None:
        """Return the greatest key of the part, None if it has no rows."""
        downwards = [column.desc() for column in self.key]
        last = self.rows.with_only_columns(*self.key).order_by(*downwards).limit(1)
        row = connection.execute(last).one_or_none()
        return None if row is None else tuple(row)


def of_table(table: Table) -> StorePart:
    """Return all rows of a table as a part."""
    return StorePart(str(table.name), (table,), tuple(table.primary_key), select(*table.c))


def of_month(connection: Connection, month: Month) -> StorePart:
    """Return the runs of one month, each beside its document, as a part."""
    runs = stored_table(tables.runs)
    documents = stored_table(partitions.document_table(connection, month))
    # The condition is on the month of the document, so that PostgreSQL reads one partition. On the
    # month of the run it would make SQLite sort the entire month for every batch.
    rows = select(*runs.c, *documents.c).join_from(
        documents, runs, documents.c.run_id == runs.c.run_id
    )
    return StorePart(
        month.label,
        (runs, documents),
        (documents.c.run_id,),
        rows.where(documents.c.month == literal(month, MonthKey())),
    )


#: Not parts: the runs and their documents are, month by month.
_BY_MONTH: Final = (tables.runs, tables.run_documents)


def before_runs() -> list[Table]:
    """Return the tables that runs may refer to, each behind those that it refers to."""
    ordered = tables.metadata.sorted_tables
    return [table for table in ordered[: ordered.index(tables.runs)] if table not in _BY_MONTH]


def after_runs() -> list[Table]:
    """Return the tables that may refer to runs, each behind those that it refers to."""
    ordered = tables.metadata.sorted_tables
    return [table for table in ordered[ordered.index(tables.runs) :] if table not in _BY_MONTH]


def batches(
    connection: Connection, part: StorePart, after: Key | None, limit: Batch
) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows behind ``after`` in batches, never more than one of them in memory."""
    for first, last in _ranges(connection, part, after, limit):
        between = part.after(first).where(tuple_(*part.key) <= tuple_(*last))
        yield connection.execute(between).all()


def _ranges(
    connection: Connection, part: StorePart, after: Key | None, limit: Batch
) -> Iterator[tuple[Key | None, Key]]:
    # Keys and sizes first, because drivers keep all rows of a query in memory.
    size = _size(part).label("size")
    while True:
        sizes = part.after(after).with_only_columns(*part.key, size).limit(limit.rows)
        page = connection.execute(sizes).all()
        held, last = 0, None
        for *key, weight in page:
            if last is not None and held + weight > limit.size:
                yield after, last
                after, held = last, 0
            last, held = tuple(key), held + weight
        if last is None:
            return
        yield after, last
        after = last


def _size(part: StorePart) -> ColumnElement[Any]:
    total: ColumnElement[Any] = literal(0)
    for table in part.tables:
        for column in table.c:
            if isinstance(column.type, (Text, LargeBinary)):
                total = total + func.coalesce(func.length(column), 0)
    return total


def insert(connection: Connection, part: StorePart, rows: Sequence[Row[Any]]) -> None:
    """Insert rows of a part, each of which may be rows of several tables side by side."""
    first = 0
    for table in part.tables:
        stop = first + len(table.c)
        values = [tuple(row[first:stop]) for row in rows]
        insert_tuples(connection, table, table.c.keys(), values)
        first = stop


def without_quarantined_bytes(part: StorePart) -> StorePart:
    """Return the part with null in place of the bytes that the quarantine keeps."""
    columns = [
        null().label(None) if column is tables.quarantine.c.raw else column
        for table in part.tables
        for column in table.c
    ]
    return StorePart(part.name, part.tables, part.key, part.rows.with_only_columns(*columns))


def comparable(part: StorePart) -> StorePart:
    """Return the part with values that are equal on both databases if they mean the same.

    SQLite has no negative zero in a column; the document keeps the sign.
    """
    columns = [
        (column + 0.0).label(None) if isinstance(column.type, Double) else column
        for table in part.tables
        for column in table.c
    ]
    return StorePart(part.name, part.tables, part.key, part.rows.with_only_columns(*columns))

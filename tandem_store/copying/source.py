"""The store that is copied, as one transaction sees it: its months, parts and identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Table, func, select

from tandem_store import tables
from tandem_store.copying import parts
from tandem_store.copying.parts import StorePart
from tandem_store.database import revisions, version_table
from tandem_store.database.damaged_rows import stored_month
from tandem_store.month import Month
from tandem_store.tables import stored_table


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store, read through one transaction."""

    connection: Connection

    def months(self) -> Sequence[Row[Any]]:
        """Return the rows of all months, oldest first."""
        table = tables.months
        return self.connection.execute(select(table).order_by(table.c.month)).all()

    def attached(self) -> list[Month]:
        """Return the attached months, oldest first."""
        return [
            stored_month(row.month, "A row of the months")
            for row in self.months()
            if row.state == "attached"
        ]

    def runs_by_month(self) -> dict[Month, int]:
        """Return how many runs each attached month holds."""
        month = tables.runs.c.month
        held = self.connection.execute(select(month, func.count()).group_by(month)).all()
        rows = {month: count for month, count in held}  # noqa: C416  a row is not a tuple to mypy
        return {month: rows.get(month, 0) for month in self.attached()}

    def left_behind(self) -> list[Month]:
        """Return the detached months, oldest first: their runs are in archives."""
        return detached_months(self.connection)

    def mark(self) -> str:
        """Return the mark that the target has until it is a complete copy of this source.

        It is made from the numbers of rows, the months and the imports, whose times no two stores
        share. The copy of a source that was moved can continue. The copy of a source that was
        written to cannot.
        """
        rows = [self._stored_rows(table) for table in (tables.months, tables.imports)]
        facts = [counts(self.connection), *rows]
        digest = hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))
        return version_table.copying_mark(revisions.HEAD, digest.hexdigest()[:16])

    def _stored_rows(self, table: Table) -> list[tuple[Any, ...]]:
        stored = stored_table(table)
        query = select(stored).order_by(*stored.primary_key)
        return [tuple(row) for row in self.connection.execute(query)]


def parts_of(connection: Connection, months: Sequence[Month]) -> Iterator[StorePart]:
    """Yield the parts of a store in an order in which they can be inserted.

    The parts are those of this database; ``months`` are those that are attached in the source.
    """
    yield from map(parts.of_table, map(stored_table, parts.before_runs()))
    for month in months:
        yield parts.of_month(connection, month)
    yield from map(parts.of_table, map(stored_table, parts.after_runs()))


def detached_months(connection: Connection) -> list[Month]:
    """Return the detached months of a store of any revision, oldest first."""
    months = tables.months.c
    query = select(months.month).where(months.state == "detached").order_by(months.month)
    return [stored_month(month, "A row of the months") for month in connection.scalars(query)]


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has; documents are left out, as they are as many as runs."""
    return {
        str(table.name): connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables.metadata.sorted_tables
        if table is not tables.run_documents
    }

"""The database that is copied into: closed to everybody else until it equals the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Row, Table, delete, inspect, select

from tandem_store import tables
from tandem_store.database import partitions, revisions, urls, version_table
from tandem_store.database.bulk import insert_rows
from tandem_store.database.dialect import number_on
from tandem_store.database.urls import is_absent
from tandem_store.errors import StoreError
from tandem_store.store import Store, open_any_revision


@dataclass(frozen=True, slots=True)
class Target:
    """An unfinished copy, to be filled."""

    store: Store
    mark: str

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction that waits for every other one of this copy.

        A copy that was killed may have left a transaction running on a server. This one waits
        until that has ended, so nothing is added behind its back.
        """
        with self.store.begin() as tx:
            if not version_table.replace(tx.connection, self.mark, self.mark):
                raise StoreError(
                    "Somebody changed the revision of the target while it was copied into. "
                    "Empty it, then copy again."
                )
            yield tx.connection

    def make_months(self, rows: Sequence[Row[Any]]) -> None:
        """Make the months as the source has them, with their states and times."""
        with self.store.read() as tx:
            made = set(tx.connection.scalars(select(tables.months.c.month)))
        wanted = [row.month for row in rows if row.state == "attached" and row.month not in made]
        with self.store.begin() as tx:
            partitions.ensure(tx.connection, wanted)
        with self.begin() as connection:
            connection.execute(delete(tables.months))
            insert_rows(connection, tables.months, [row._asdict() for row in rows])

    def finish(self) -> None:
        """Open the store to everybody."""
        with self.begin() as connection:
            number_on(connection, tables.metadata.sorted_tables)
            version_table.replace(connection, self.mark, revisions.HEAD)


@contextmanager
def prepared(url: URL, mark: str) -> Iterator[Target]:
    """Open an empty database, or an unfinished copy with the same mark, as a target for the block.

    The database is made, and gets its tables, if need be.

    Raises:
        StoreError: it holds something else.
        SchemaAheadError: it is newer than this version of the package.
    """
    found = found_in(url)
    if found != mark:
        if version_table.is_copying_mark(found):
            raise StoreError(
                f"{urls.shown(url)} is an unfinished copy of another store, or of this one "
                "before it was written to or upgraded. Remove that database, or name another, "
                "then copy again."
            )
        _refuse_unless_empty(url)
        revisions.upgrade(url)
    store = open_any_revision(url)
    try:
        if found != mark:
            _close_to_others(store, url, mark)
        yield Target(store, mark)
    finally:
        store.close()


def found_in(url: URL) -> str | None:
    """Return a database's revision, or the mark of an unfinished copy; None if it has neither."""
    if is_absent(url):
        return None
    with open_any_revision(url) as store, store.read() as tx:
        return version_table.read(tx.connection)


def _refuse_unless_empty(url: URL) -> None:
    # Before it is upgraded, because a database that is refused must stay as it is.
    if is_absent(url):
        return
    with open_any_revision(url) as store, store.read() as tx:
        there = set(inspect(tx.connection).get_table_names())
        present = [table for table in tables.metadata.sorted_tables if table.name in there]
        _refuse_rows(tx.connection, present, url)


def _close_to_others(store: Store, url: URL, mark: str) -> None:
    with store.begin() as tx:
        _refuse_rows(tx.connection, tables.metadata.sorted_tables, url)
        # Made ahead by a deploy, perhaps; the months of the source come with times of their own.
        partitions.drop_empty(tx.connection, [one.month for one in tx.months.states()])
        version_table.replace(tx.connection, revisions.HEAD, mark)


def _refuse_rows(connection: Connection, empty: Sequence[Table], url: URL) -> None:
    for table in empty:
        # Its key alone, because an older table may lack other columns.
        rows = select(*table.primary_key).limit(1)
        if table is tables.months:
            rows = rows.where(table.c.state != "attached")  # those hold nothing, as there is no run
        if connection.execute(rows).first() is not None:
            raise StoreError(
                f"{urls.shown(url)} is not empty: there are rows in {table.name}. A store is "
                "only copied into a new database: name another file, another database, or "
                "another ?schema=..."
            )

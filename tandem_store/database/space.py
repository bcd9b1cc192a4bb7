"""Room that deleted and shortened rows leave behind, given back to the file system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import URL, Column, Connection, Table, and_, bindparam, delete, func, select, update

from tandem_store.database import integrity, postgresql
from tandem_store.database.bulk import insert_rows
from tandem_store.database.portable_files import page_bytes
from tandem_store.database.urls import sqlite_path

#: Free pages that one transaction returns: 4 MB with our page size, some ten milliseconds.
_STEP: Final = 256


def rewrite_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[Column[Any]],
) -> None:
    """Write shorter rows over those with the same key, which the transaction has locked.

    SQLite would leave a row that becomes shorter where it is, and the room behind it in a page that
    is never free: of 41 MB nothing was given back, and 20 MB after the rows were deleted and
    inserted at the end. On PostgreSQL a row that is deleted and inserted is another row to whoever
    waits for it, and one that is updated is the same.
    """
    if not rows:
        return
    names = [column.name for column in key]
    same = and_(*(column == bindparam(f"_{column.name}") for column in key))
    keys = [{f"_{name}": row[name] for name in names} for row in rows]
    if connection.dialect.name == "sqlite":
        connection.execute(delete(table).where(same), keys)
        insert_rows(connection, table, rows)
        return
    others: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name not in names}
    values = [{**row, **one} for row, one in zip(rows, keys, strict=True)]
    connection.execute(update(table).where(same).values(others), values)


def vacuum(url: URL, tables: Iterable[str]) -> None:
    """Let PostgreSQL give back what it can of these tables without keeping anybody waiting.

    It frees the ends of tables, and makes room elsewhere in them free for new rows. It passes over
    tables that the user does not own. On SQLite it does nothing.
    """
    if sqlite_path(url) is not None:
        return
    engine = postgresql.writing_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in tables:
                connection.exec_driver_sql(f'VACUUM "{name}"')
    finally:
        engine.dispose()


def database_bytes(connection: Connection) -> int:
    """Return the bytes of an SQLite file without its log, or of all of a PostgreSQL database."""
    if connection.dialect.name == "sqlite":
        return page_bytes(connection)
    size = select(func.pg_database_size(func.current_database()))
    return int(connection.execute(size).scalar_one())


def give_back_some(connection: Connection) -> bool:
    """Give free pages of an SQLite file back; return whether there may be more.

    Call it again, in another transaction, for as long as there is. It does nothing if there is
    nothing to do, for files whose pages cannot be given back one by one, and on PostgreSQL.
    """
    if connection.dialect.name != "sqlite":
        return False
    before = int(integrity.pragma(connection, "freelist_count"))
    if not before:
        return False
    for _ in range(min(_STEP, before)):
        # One by one: SQLite returns a page when the row for it is fetched, and of an answer without
        # columns Python's driver fetches only the first row.
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    left = int(integrity.pragma(connection, "freelist_count"))
    return 0 < left < before

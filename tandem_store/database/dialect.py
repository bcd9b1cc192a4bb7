"""What SQLite and PostgreSQL spell differently, for those who work on a connection."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from sqlalchemy import BigInteger, Connection, Insert, Table, cast, extract, func, select
from sqlalchemy.dialects import postgresql, sqlite

#: Not ``now()``, which stands still for the length of a transaction.
_SERVER_CLOCK: Final = select(cast(extract("epoch", func.clock_timestamp()) * 1_000, BigInteger))


def insert_unless_there(connection: Connection, table: Table) -> Insert:
    """An INSERT that leaves out rows whose key is taken, also by a writer that was quicker."""
    # SQLAlchemy has no common spelling for it.
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def now_ms(connection: Connection) -> int:
    """Milliseconds since 1970, by the one clock that everybody who uses the database shares.

    A lease must not end early for a worker whose machine's clock is behind, so a server is asked.
    An SQLite file is on one machine.
    """
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1_000_000
    return connection.execute(_SERVER_CLOCK).scalar_one()


def number_on(connection: Connection, tables: Iterable[Table]) -> None:
    """Let made-up keys go on behind the greatest, after rows were inserted with theirs."""
    if connection.dialect.name == "sqlite":
        return  # It always takes the number behind the greatest.
    for table in tables:
        if (column := table.autoincrement_column) is not None:
            greatest = func.max(column)
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(
                select(func.setval(sequence, greatest)).having(greatest.is_not(None))
            )


def broken_references(connection: Connection) -> list[str]:
    """The tables whose rows refer to rows that are not there; for SQLite after a migration."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return sorted({str(row[0]) for row in rows})

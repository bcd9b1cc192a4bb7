"""The monthly tables of documents, made and found on both databases.

On SQLite a month is a table of its own. On PostgreSQL it is a native partition, and statements name
the parent alone. Nobody else needs to know the difference.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cache
from typing import Final

from sqlalchemy import Connection, MetaData, Table, func, insert, inspect, select
from sqlalchemy.schema import CreateTable

from tandem_store import schema
from tandem_store.errors import MonthDetachedError
from tandem_store.month import Month

#: The advisory lock under which months are made on PostgreSQL.
MONTHS_LOCK: Final = 0x5453_6D6F


def table_name(month: Month) -> str:
    """The name of a month's table on either database, ``run_documents_YYYY_MM``."""
    return f"{schema.run_documents.name}_{month.suffix}"


@cache
def table_of(month: Month) -> Table:
    """The table of one month as SQLite has it, keyed by ``run_id``."""
    # A catalogue of its own for each: two threads asking at once must not clash in a common one.
    owner = MetaData(naming_convention=schema.NAMING_CONVENTION)
    return schema.document_table(table_name(month), owner, ("run_id",))


def document_table(connection: Connection, month: Month) -> Table:
    """The table to name in a statement about the documents of ``month``.

    PostgreSQL finds the partition by the column ``month``, which the statement must give.
    """
    return table_of(month) if _is_sqlite(connection) else schema.run_documents


def existing(connection: Connection) -> list[Month]:
    """The months whose table is there, oldest first, attached or not."""
    names = inspect(connection).get_table_names()
    suffixes = [n.removeprefix("run_documents_") for n in names if schema.MONTH_TABLE.fullmatch(n)]
    return sorted(Month.parse(suffix.replace("_", "-")) for suffix in suffixes)


def ensure(connection: Connection, months: Iterable[Month]) -> None:
    """Make the tables of those ``months`` that have none yet.

    On SQLite they become part of the caller's transaction. On PostgreSQL they are committed at once
    in a transaction of their own, and the caller must not have written anything yet: attaching
    waits for those who write runs, so it would wait for the caller.

    Raises:
        MonthDetachedError: one of the months is detached.
    """
    wanted = set(months)
    if not (missing := _missing(connection, wanted)):
        return
    if _is_sqlite(connection):
        for month in missing:
            connection.execute(CreateTable(table_of(month)))
            _record(connection, month)
        return
    with connection.engine.begin() as own:
        own.execute(select(func.pg_advisory_xact_lock(MONTHS_LOCK)))
        for month in _missing(own, wanted):
            _attach_new(own, month)
            _record(own, month)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _missing(connection: Connection, wanted: set[Month]) -> list[Month]:
    months = schema.months
    rows = connection.execute(
        select(months.c.month, months.c.state).where(months.c.month.in_([m.key for m in wanted]))
    ).all()
    if detached := sorted(Month.of_key(row.month) for row in rows if row.state == "detached"):
        raise MonthDetachedError(
            f"The month {detached[0]} is detached. Run: tandem-store months attach {detached[0]}"
        )
    return sorted(wanted - {Month.of_key(row.month) for row in rows})


def _attach_new(connection: Connection, month: Month) -> None:
    # Not CREATE TABLE ... PARTITION OF: it locks the parent against everyone; this locks it against
    # other attachers only. The foreign key comes with the attaching.
    name, parent = table_name(month), schema.run_documents.name
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)")
    connection.exec_driver_sql(
        f"ALTER TABLE {parent} ATTACH PARTITION {name} "
        f"FOR VALUES FROM ({month.key}) TO ({month.key + 1})"
    )


def _record(connection: Connection, month: Month) -> None:
    now_ms = time.time_ns() // 1_000_000
    connection.execute(
        insert(schema.months).values(month=month.key, state="attached", attached_at_ms=now_ms)
    )

"""What SQLite and PostgreSQL spell differently, for code that has a connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Numeric,
    Table,
    cast,
    extract,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from tandem_store import clock
from tandem_store.column_types import MonthKey

#: Not ``now()``, which is the time at which the transaction began.
_SERVER_CLOCK: Final = select(cast(extract("epoch", func.clock_timestamp()) * 1_000, BigInteger))


class unindexed(FunctionElement[Any]):  # noqa: N801 - named as SQL functions are
    """A column that SQLite must not look for an index of.

    Without statistics it takes any index that answers an equality, such as that of a tenant with
    years of runs, for better than the short one that is right. A plus sign prevents that
    (https://www.sqlite.org/optoverview.html); elsewhere this is the column itself.
    """

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(unindexed)
def _plain(element: unindexed, compiler: SQLCompiler, **how: Any) -> str:
    return str(compiler.process(element.clauses, **how))


@compiles(unindexed, "sqlite")
def _with_plus(element: unindexed, compiler: SQLCompiler, **how: Any) -> str:
    return f"+{compiler.process(element.clauses, **how)}"


class all_digits(FunctionElement[Any]):  # noqa: N801 - named as SQL functions are
    """A float as a number that sums do not round.

    PostgreSQL makes a decimal of a float with 15 digits, and of its text with all that it has.
    """

    inherit_cache = True
    type = Numeric(asdecimal=False)


@compiles(all_digits)
def _as_number(element: all_digits, compiler: SQLCompiler, **how: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **how)} AS NUMERIC)"


@compiles(all_digits, "postgresql")
def _by_its_text(element: all_digits, compiler: SQLCompiler, **how: Any) -> str:
    return f"CAST(CAST({compiler.process(element.clauses, **how)} AS TEXT) AS NUMERIC)"


class month_of(FunctionElement[Any]):  # noqa: N801 - named as SQL functions are
    """The month, UTC, of a column with milliseconds since 1970; NULL beyond the year 9999."""

    inherit_cache = True
    type = MonthKey()


@compiles(month_of)
def _by_strftime(element: month_of, compiler: SQLCompiler, **how: Any) -> str:
    seconds = f"{compiler.process(element.clauses, **how)} / 1000"
    return f"CAST(strftime('%Y%m', {seconds}, 'unixepoch') AS INTEGER)"


@compiles(month_of, "postgresql")
def _by_to_char(element: month_of, compiler: SQLCompiler, **how: Any) -> str:
    seconds = f"to_timestamp({compiler.process(element.clauses, **how)} / 1000)"
    return f"CAST(to_char({seconds} AT TIME ZONE 'UTC', 'YYYYMM') AS INTEGER)"


def insert_unless_there(dialect_name: str, table: Table) -> Insert:
    """Return an INSERT that skips rows whose key is taken, also by a concurrent writer."""
    # SQLAlchemy has no common spelling for it. Imported here, because the package of a dialect
    # loads every driver that it knows: 50 ms for PostgreSQL's, which most stores do not need.
    if dialect_name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table).on_conflict_do_nothing()


def now_ms(connection: Connection) -> int:
    """Return the milliseconds since 1970 by the clock that all users of the database share.

    That is the clock of the PostgreSQL server, so that a lease does not end early for a worker on a
    machine whose clock is behind. An SQLite file is used on one machine, whose clock it is.
    """
    if connection.dialect.name == "sqlite":
        return clock.now_ms()
    return connection.execute(_SERVER_CLOCK).scalar_one()


def number_on(connection: Connection, tables: Iterable[Table]) -> None:
    """Set the sequences of the tables to their greatest keys, after rows came with their own."""
    if connection.dialect.name == "sqlite":
        return  # It always uses the number after the greatest key.
    for table in tables:
        if (column := table.autoincrement_column) is not None:
            greatest = func.max(column)
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(
                select(func.setval(sequence, greatest)).having(greatest.is_not(None))
            )


def broken_references(connection: Connection) -> list[str]:
    """Return the tables with rows that refer to missing rows, after a migration of SQLite.

    PostgreSQL checks by itself, so there it returns an empty list.
    """
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return sorted({str(row[0]) for row in rows})

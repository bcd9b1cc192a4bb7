"""Many rows at once, by the shortest way that the driver has.

That is COPY on PostgreSQL, from some number of rows upward, and the driver's own ``executemany``
everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Engine, Table, event, insert

from tandem_store.column_types import ConvertAll, converter

#: From how many rows on COPY is used. Measured: as fast at 10 rows, 1.3 times at 20, 1.7 at 500;
#: one row alone, as services write, would take a fifth longer.
COPY_FROM: Final = 20

_OFFERED: Final = "tandem_store_copy"
_TYPES: Final = "tandem_store_copy_types"


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; nothing for none.

    Raises what ``Connection.execute`` raises, whichever way is taken.
    """
    if rows:
        names = tuple(rows[0])
        pick = itemgetter(*names) if len(names) > 1 else _only_value
        insert_tuples(connection, table, names, list(map(pick, rows)))


def insert_tuples(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows as tuples of the named columns, in the order of the names; nothing for none.

    Hands them to the driver itself: SQLAlchemy's own executemany prepares every row in Python,
    which takes half as long again.

    Raises what ``Connection.execute`` raises, whichever way is taken.
    """
    if not rows:
        return
    names = tuple(names)
    values = _stored(table, names, rows)
    if len(rows) >= COPY_FROM and connection.get_execution_options().get(_OFFERED):
        statement, types = _copy(table, names, connection.dialect)
        connection.exec_driver_sql(statement, values, execution_options={_TYPES: types})
        return
    statement, in_order = _compiled(table, names, connection.dialect)
    if in_order is None:
        named = [dict(zip(names, one, strict=True)) for one in values]
        connection.exec_driver_sql(statement, named)
    else:
        connection.exec_driver_sql(statement, list(map(in_order, values)))


def offer_copy(engine: Engine) -> None:
    """Let ``insert_rows`` use COPY on this engine, whose driver must be psycopg.

    COPY goes through SQLAlchemy as an ``executemany`` does, so that its failures are reported, and
    broken connections replaced, in the same way.
    """
    engine.update_execution_options(**{_OFFERED: True})

    @event.listens_for(engine, "do_executemany")
    def copy_in(cursor: Any, statement: str, rows: Any, context: Any) -> bool:
        types = context.execution_options.get(_TYPES)
        if types is None:
            return False
        with cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        return True


def _only_value(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.values())


def _stored(
    table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Return the rows with the values of the named columns as they are stored."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for at, convert in _converters(table, names):
        columns[at] = convert(columns[at])
    return list(zip(*columns, strict=True))


@lru_cache(maxsize=2_048)
def _converters(table: Table, names: tuple[str, ...]) -> tuple[tuple[int, ConvertAll], ...]:
    """Return position and converter of each column that stores its values in another form."""
    return tuple(
        (at, convert)
        for at, name in enumerate(names)
        if (convert := converter(table.c[name].type)) is not None
    )


@lru_cache(maxsize=2_048)
def _compiled(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, Callable[[tuple[Any, ...]], tuple[Any, ...]] | None]:
    """Return the INSERT, and what puts a row into the order of its parameters.

    ``None`` instead of the latter if its parameters have names.
    """
    compiled = insert(table).compile(dialect=dialect, column_keys=list(names))
    positions: list[str] | None = getattr(compiled, "positiontup", None)
    if positions is None:
        return str(compiled), None
    if tuple(positions) == names:
        return str(compiled), tuple
    return str(compiled), itemgetter(*(names.index(name) for name in positions))


@lru_cache(maxsize=128)
def _copy(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """Return the COPY statement and the types of its columns, which binary rows do not say."""
    quoted = dialect.identifier_preparer
    columns = ", ".join(quoted.quote(name) for name in names)
    types = tuple(
        table.c[name].type.compile(dialect).partition(" COLLATE ")[0].lower() for name in names
    )
    return f"COPY {quoted.format_table(table)} ({columns}) FROM STDIN (FORMAT BINARY)", types

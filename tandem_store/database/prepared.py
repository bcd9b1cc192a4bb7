"""Statements that are sent again and again, kept in the form in which the driver takes them.

SQLAlchemy builds, looks up and wraps every statement and every row anew, which was more than half
of what reading one run costs. A prepared statement is a SQLAlchemy expression like any other. It is
compiled once for each dialect, and goes to the driver with the values converted by the column
types, in the transaction of its connection. docs/internals/adr/0016 has the measurements.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Dialect, Engine, Executable
from sqlalchemy.sql.compiler import ExpandedState, SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows

from tandem_store.column_types import StoredAs
from tandem_store.database.error_events import raise_as_sqlalchemy, refuse_if_ended, undone_error

#: One row: its values in the order of the statement's columns.
Values = tuple[Any, ...]
#: The values of a statement's parameters by their names.
Parameters = Mapping[str, Any]
_Convert = Callable[[Any], Any]
_ConvertAll = Callable[[Sequence[Any]], Iterable[Any]]
_T = TypeVar("_T")

#: In the options of an engine: how many listeners its own rules need.
_LISTENERS: Final = "tandem_store_listeners"
#: SQLAlchemy logs its statements here, at INFO.
_STATEMENT_LOG: Final = logging.getLogger("sqlalchemy.engine")


class Prepared:
    """A statement that is compiled once for each dialect, and its results as plain tuples.

    A statement with an IN whose number of values is only known when it is run is completed then.

    All methods raise what ``Connection.execute`` raises. ``values`` has a value for each parameter
    that the statement names without one.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, values: Parameters) -> list[Values]:
        """Run the statement and return its rows."""
        if is_observed(connection):
            return [tuple(row) for row in connection.execute(self._statement, values)]
        return self._for(connection.dialect).all(connection, values)

    def first(self, connection: Connection, values: Parameters) -> Values | None:
        """Run the statement and return its first row, or None if it has none."""
        if is_observed(connection):
            found = connection.execute(self._statement, values).first()
            return None if found is None else tuple(found)
        return self._for(connection.dialect).first(connection, values)

    def write(self, connection: Connection, values: Parameters) -> int:
        """Run the statement and return how many rows it wrote."""
        if is_observed(connection):
            return connection.execute(self._statement, values).rowcount
        return self._for(connection.dialect).write(connection, values)

    def _for(self, dialect: Dialect) -> _Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, dialect)
        return compiled


def shorten(engine: Engine) -> None:
    """Let prepared statements go to the driver directly on this engine, once it has its listeners.

    They take SQLAlchemy's own way while anybody else listens to statements, or SQLAlchemy logs
    them: a tracer sees everything, and a forked child is refused.
    """
    engine.update_execution_options(**{_LISTENERS: _listeners(engine)})


def is_observed(connection: Connection) -> bool:
    """Return whether statements must take SQLAlchemy's own way on this connection."""
    expected = connection.get_execution_options().get(_LISTENERS)
    return _listeners(connection) != expected or _STATEMENT_LOG.isEnabledFor(logging.INFO)


def _send(connection: Connection, statement: str, values: Any, take: Callable[[Any], _T]) -> _T:
    """Send a statement through the driver and return what ``take`` makes of its cursor.

    A failure is the same as if SQLAlchemy had sent it, and the rules of the engine's transactions
    hold.
    """
    refuse_if_ended(connection)
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.dbapi_connection
    # After some failures, such as a full disk, SQLite itself rolls back. PostgreSQL refuses.
    if not getattr(driver, "in_transaction", True):
        raise undone_error(connection)
    cursor = driver.cursor()
    try:
        cursor.execute(statement, values)
        taken = take(cursor)
    except BaseException as error:
        raise_as_sqlalchemy(connection, error, statement, cursor)
        raise
    cursor.close()
    return taken


class _Compiled:
    """A statement in the form of one dialect."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiler = _compiler(statement, dialect)
        asked_for = [bind for bind in self._compiler.bind_names if bind.required]
        self._expands = any(bind.expanding for bind in asked_for)
        names = [self._compiler.bind_names[bind] for bind in asked_for]
        self._bind = {
            name: convert
            for bind, name in self._compiler.bind_names.items()
            if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        self._form = self._form_for(dict.fromkeys(names, ()), names)
        self._types = (
            [column.type for column in statement.exported_columns]
            if isinstance(statement, ReturnsRows)
            else []
        )
        #: The columns whose values are stored in another form: position, and converters of one
        #: value and of all. What the driver says about the columns of the first result decides.
        self._converters: list[tuple[int, _Convert, _ConvertAll]] | None = None

    def all(self, connection: Connection, values: Parameters) -> list[Values]:
        """Run the statement and return its rows."""
        return self._read(self._run(connection, values, self._take_all))

    def first(self, connection: Connection, values: Parameters) -> Values | None:
        """Run the statement and return its first row, or None if it has none."""
        row = self._run(connection, values, self._take_first)
        if row is None or not self._converters:
            return row
        read = list(row)
        for at, convert, _ in self._converters:
            read[at] = convert(read[at])
        return tuple(read)

    def write(self, connection: Connection, values: Parameters) -> int:
        """Run the statement and return how many rows it wrote."""
        return self._run(connection, values, _rowcount)

    def _run(self, connection: Connection, values: Parameters, take: Callable[[Any], _T]) -> _T:
        form = self._form
        if self._expands:
            form, values = self._form_for(values, ()), {}
        return _send(connection, form.text, form.bound(values), take)

    def _take_all(self, cursor: Any) -> list[Values]:
        self._find_converters(cursor)
        rows: list[Values] = cursor.fetchall()
        return rows

    def _take_first(self, cursor: Any) -> Values | None:
        self._find_converters(cursor)
        row: Values | None = cursor.fetchone()
        return row

    def _form_for(self, values: Parameters, asked_for: Sequence[str]) -> _Form:
        state = self._compiler.construct_expanded_state(dict(values))
        return _Form(state, {**self._bind, **state.processors}, asked_for)

    def _read(self, rows: list[Values]) -> list[Values]:
        """Return rows with the values that the column types make of what is stored."""
        if not (rows and self._converters):
            return rows
        # Column by column, which needs no loop over the rows in Python.
        columns: list[Any] = list(zip(*rows, strict=True))
        for at, _, convert in self._converters:
            columns[at] = convert(columns[at])
        return list(zip(*columns, strict=True))

    def _find_converters(self, cursor: Any) -> None:
        if self._converters is None:
            found: list[tuple[int, _Convert, _ConvertAll]] = []
            for at, (one, said) in enumerate(zip(self._types, cursor.description, strict=True)):
                stored = one.dialect_impl(self._dialect)
                convert = stored.result_processor(self._dialect, said[1])
                if convert is not None:
                    together = isinstance(one, StoredAs) and one.all_from_stored
                    found.append((at, convert, together or partial(map, convert)))
            self._converters = found


class _Form:
    """The text of a statement, and how the values of its parameters are handed to the driver."""

    def __init__(
        self, state: ExpandedState, convert: Mapping[str, _Convert], asked_for: Sequence[str]
    ) -> None:
        self.text = state.statement
        self._order = state.positiontup
        #: Values that are always the same, and converters of the others.
        self._fixed = {
            name: convert[name](value) if name in convert else value
            for name, value in state.parameters.items()
            if name not in asked_for
        }
        self._converters = [(name, convert[name]) for name in asked_for if name in convert]

    def bound(self, values: Parameters) -> Any:
        """Return the values of all parameters, by position or by name, as the driver wants them."""
        bound = {**self._fixed, **values}
        for name, convert in self._converters:
            bound[name] = convert(bound[name])
        return bound if self._order is None else [bound[name] for name in self._order]


def _compiler(statement: Executable, dialect: Dialect) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _listeners(target: Engine | Connection) -> tuple[int, ...]:
    dispatch: Any = target.dispatch
    return (
        len(dispatch.before_cursor_execute),
        len(dispatch.after_cursor_execute),
        len(target.dialect.dispatch.do_execute),
    )


def _rowcount(cursor: Any) -> int:
    return int(cursor.rowcount)

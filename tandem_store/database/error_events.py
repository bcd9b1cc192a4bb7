"""Engine events: translate driver errors, and refuse to continue a dead transaction."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine, PoolResetState, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError

from tandem_store.database.error_translation import (
    is_aftermath,
    is_refused_write,
    translate,
    translate_call,
)
from tandem_store.database.forks import is_inherited
from tandem_store.errors import StoreError

_ENDED: Final = (
    "The transaction that this came from has ended. Do within its with block what needs it."
)
_READS: Final = "This transaction is for reading; to write, begin one with store.begin()."
#: In ``Connection.info``: the last failure of the database, as text.
_LAST_FAILURE: Final = "tandem_store_failure"


def raise_our_errors(engine: Engine, *, reads: bool) -> None:
    """Make a statement that fails raise our error; ``reads``: the engine must not write.

    The engine must be created with ``pool_reset_on_return=None``; an event does the reset.

    A broken constraint still raises SQLAlchemy's error, because only the caller knows what it
    means.
    """
    event.listen(engine, "handle_error", partial(_as_ours, reads=reads))
    event.listen(engine, "before_execute", refuse_if_ended)
    event.listen(engine, "begin", refuse_if_ended)
    event.listen(engine, "begin", _forget_failure)
    event.listen(engine, "commit", _refuse_if_lost)
    event.listen(engine, "close", partial(_roll_back, engine.dialect.loaded_dbapi.Error))
    event.listen(engine, "reset", _reset)


def undone_error(connection: Connection) -> StoreError:
    """Return the error for continuing a transaction that the database has rolled back."""
    known = None if connection.invalidated else connection.info.get(_LAST_FAILURE)
    return StoreError(
        "An earlier failure undid this transaction, and nothing of it is stored. Leave its with "
        "block, then do it again." + (f" The failure was: {known}" if known else "")
    )


def raise_as_sqlalchemy(
    connection: Connection, error: BaseException, statement: str, cursor: DBAPICursor
) -> None:
    """Raise what SQLAlchemy would raise if the statement had failed in its hands.

    A connection that was lost, or whose statement was interrupted, is not used again. Returns if
    the error itself is to be raised.
    """
    dialect, driver_error = connection.dialect, connection.dialect.loaded_dbapi.Error
    with suppress(driver_error):
        cursor.close()
    ours = _translated(connection, error)
    if not isinstance(error, Exception) or (
        isinstance(error, driver_error)
        and dialect.is_disconnect(error, connection.connection, cursor)
    ):
        connection.invalidate(error)
    if ours is not None:
        raise ours from error
    if isinstance(error, driver_error):
        raise DBAPIError.instance(
            statement, None, error, driver_error, hide_parameters=True
        ) from error


def refuse_if_ended(connection: Connection, *_: object) -> None:
    """Raise ``StoreError`` if the connection's transaction has ended or was undone."""
    if connection.closed:
        raise StoreError(_ENDED)
    _refuse_if_lost(connection)


def _as_ours(context: ExceptionContext, *, reads: bool) -> StoreError | None:
    error, connection = context.original_exception, context.connection
    if context.is_pre_ping:
        # A connection that fails its test is replaced, whatever the error: a server that was killed
        # leaves a last message in it, which the driver does not take for the end.
        context.is_disconnect = True
        return None
    if isinstance(error, StoreError):
        return None
    if connection is None or connection.closed or connection.invalidated:
        return translate(error)
    if reads and context.statement is not None and is_refused_write(error):
        return StoreError(f"{_READS} [{' '.join(str(error).split())}]")
    return _translated(connection, error)


def _translated(connection: Connection, error: BaseException) -> StoreError | None:
    if is_aftermath(error):
        return undone_error(connection)
    known = translate_call(error)
    # Text, because the error itself would keep alive everything that its traceback refers to. The
    # text of an error that is not ours may contain a tenant's data.
    connection.info[_LAST_FAILURE] = str(known or type(error).__name__)
    return known


def _roll_back(driver_error: type[Exception], connection: DBAPIConnection, _record: object) -> None:
    # Before it is closed. The traceback of an interrupt refers to its statement, and SQLite closes
    # nothing as long as a statement exists. A server would notice, but after the next writer.
    with suppress(driver_error):
        connection.rollback()


def _reset(connection: DBAPIConnection, _record: object, state: PoolResetState) -> None:
    # In the place of the pool's own rollback, which would end the transaction of a parent process.
    if not state.transaction_was_reset and not is_inherited(connection):
        connection.rollback()


def _refuse_if_lost(connection: Connection) -> None:
    if connection.invalidated:
        raise undone_error(connection)


def _forget_failure(connection: Connection) -> None:
    connection.info.pop(_LAST_FAILURE, None)

"""What both engines see to while a transaction lasts: failures as sentences, and no half of it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection

from tandem_store.database.error_translation import (
    is_aftermath,
    is_refused_write,
    translate,
    translate_call,
)
from tandem_store.errors import StoreError

_ENDED: Final = (
    "The transaction that this came from has ended. Do within its with block what needs it."
)
_READS: Final = "This transaction is for reading; to write, begin one with store.begin()."
#: In ``Connection.info``: the last failure of the database, in words.
_LAST_FAILURE: Final = "tandem_store_failure"


def guard(engine: Engine, *, reads: bool) -> None:
    """Let failures of the database be raised as our errors, by the statement that fails.

    ``reads``: whether it is the engine that must not write.

    What breaks a rule of the schema stays SQLAlchemy's: its meaning is for the caller to say.
    """
    event.listen(engine, "handle_error", partial(_as_ours, reads=reads))
    event.listen(engine, "before_execute", _refuse_if_over)
    event.listen(engine, "begin", _refuse_if_over)
    event.listen(engine, "begin", _forget_failure)
    event.listen(engine, "commit", _refuse_if_lost)
    driver_error = engine.dialect.loaded_dbapi.Error

    @event.listens_for(engine, "close")
    def roll_back(driver: DBAPIConnection, _record: object) -> None:
        # The traceback of an interrupt holds its statement, and SQLite closes nothing as long as
        # somebody does. A server would notice, but later than whoever writes next.
        with suppress(driver_error):
            driver.rollback()


def undone(connection: Connection) -> StoreError:
    """The error for going on with a transaction that the database has undone."""
    known = None if connection.invalidated else connection.info.get(_LAST_FAILURE)
    return StoreError(
        "An earlier failure undid this transaction, and nothing of it is stored. Leave its with "
        "block, then do it again." + (f" The failure was: {known}" if known else "")
    )


def _as_ours(context: ExceptionContext, *, reads: bool) -> StoreError | None:
    error, connection = context.original_exception, context.connection
    if context.is_pre_ping:
        # Whatever a connection says when it is tried, it is replaced: a server that was killed
        # leaves a last word in it, which the driver does not take for the end.
        context.is_disconnect = True
        return None
    if isinstance(error, StoreError):
        return None
    if connection is None or connection.closed or connection.invalidated:
        return translate(error)
    if is_aftermath(error):
        return undone(connection)
    if reads and context.statement is not None and is_refused_write(error):
        return StoreError(f"{_READS} [{' '.join(str(error).split())}]")
    known = translate_call(error)
    # Words, because the error itself would keep alive all that its traceback reaches. Those of an
    # error that is not ours may have a tenant's data in them.
    connection.info[_LAST_FAILURE] = str(known or type(error).__name__)
    return known


def _refuse_if_over(connection: Connection, *_: object) -> None:
    if connection.closed:
        raise StoreError(_ENDED)
    _refuse_if_lost(connection)


def _refuse_if_lost(connection: Connection) -> None:
    if connection.invalidated:
        raise undone(connection)


def _forget_failure(connection: Connection) -> None:
    connection.info.pop(_LAST_FAILURE, None)

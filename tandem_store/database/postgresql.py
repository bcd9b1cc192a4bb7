"""The two engines of a PostgreSQL schema, and the settings of their sessions."""

from __future__ import annotations

from functools import partial

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from tandem_store import tables
from tandem_store.database import prepared, waiting
from tandem_store.database.bulk import offer_copy
from tandem_store.database.error_events import raise_our_errors, undone_error
from tandem_store.database.urls import schema_of
from tandem_store.errors import NotAStoreError, StoreError


def writing_engine(url: URL) -> Engine:
    """Return the engine that writes."""
    # Said explicitly, because a server may have other defaults. With SERIALIZABLE, transactions
    # would fail that do not conflict, such as two that make the same month.
    return _engine(url, "READ COMMITTED, READ WRITE")


def reading_engine(url: URL) -> Engine:
    """Return the engine that cannot write, and whose transactions see one moment."""
    # Otherwise a run that moves to another month between two statements would lack its document.
    return _engine(url, "REPEATABLE READ, READ ONLY", reads=True)


def _engine(url: URL, isolation: str, *, reads: bool = False) -> Engine:
    tables.add_postgresql_options()
    try:
        # No limit to the pool: a transaction uses a second connection to make a month, and if all
        # of them did so at once, each would wait for the others to return one. Connections are
        # tested before use, so those from before a restart of the server are replaced silently.
        engine = create_engine(
            url.difference_update_query(["schema"]),
            max_overflow=-1,
            pool_pre_ping=True,
            pool_reset_on_return=None,
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "The PostgreSQL driver is not installed. Run: pip install 'tandem-store[postgres]'"
        ) from error
    # Not the dialect's quoting, which doubles "%" for statements that have parameters.
    quoted = schema_of(url).replace('"', '""')
    statements = (
        f'SET search_path TO "{quoted}"',
        f"SET lock_timeout = '{waiting.BUSY_TIMEOUT_S}s'",
        f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {isolation}",
    )
    # Before SQLAlchemy's own listener, which reads the default schema.
    event.listen(engine, "connect", partial(_set_up, url, statements), insert=True)
    raise_our_errors(engine, reads=reads)
    event.listen(engine, "commit", _refuse_failed_commit)
    offer_copy(engine)
    prepared.shorten(engine)
    return engine


def _set_up(
    url: URL, statements: tuple[str, ...], connection: DBAPIConnection, _record: object
) -> None:
    _refuse_unless_utf8(connection, url)
    connection.autocommit = True
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
    connection.autocommit = False


def _refuse_failed_commit(connection: Connection) -> None:
    # The server would treat COMMIT as ROLLBACK without an error.
    driver = connection.connection.dbapi_connection
    if driver is not None and driver.info.transaction_status.name == "INERROR":
        raise undone_error(connection)


def _refuse_unless_utf8(connection: DBAPIConnection, url: URL) -> None:
    # Other encodings cannot hold every text, and some accept bytes that are not text.
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise NotAStoreError(
            f"The database {url.database!r} has the encoding {encoding}, and the store needs UTF8. "
            "Make one with: createdb --encoding=UTF8 --template=template0 NAME"
        )

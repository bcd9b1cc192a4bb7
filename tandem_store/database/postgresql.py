"""A PostgreSQL schema: what every session is told before its first statement."""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from tandem_store.database import write_queue
from tandem_store.database.bulk import offer_copy
from tandem_store.database.error_events import guard, undone
from tandem_store.database.urls import schema_of
from tandem_store.errors import NotAStoreError, StoreError


def writing_engine(url: URL) -> Engine:
    """The engine that writes."""
    # Whoever runs the server may have chosen other defaults. With SERIALIZABLE, writers that are
    # not in each other's way would fail, as those who both make a month.
    return _engine(url, "READ COMMITTED, READ WRITE")


def reading_engine(url: URL) -> Engine:
    """The engine that cannot write, and whose transactions see one moment."""
    # Otherwise a run that moves to another month between two statements has no document.
    return _engine(url, "REPEATABLE READ, READ ONLY", reads=True)


def _engine(url: URL, isolation: str, *, reads: bool = False) -> Engine:
    try:
        # No limit to the pool: a transaction takes a second connection to make a month, and if all
        # of them did so at once, each would wait for the others to give one back. Connections are
        # tried before use: those from before a restart of the server are replaced unnoticed.
        engine = create_engine(
            url.difference_update_query(["schema"]),
            max_overflow=-1,
            pool_pre_ping=True,
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
        f"SET lock_timeout = '{write_queue.BUSY_TIMEOUT_S}s'",
        f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {isolation}",
    )

    # First of the listeners, because SQLAlchemy's own asks for the default schema.
    @event.listens_for(engine, "connect", insert=True)
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        _refuse_unless_utf8(connection, url)
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.autocommit = False

    guard(engine, reads=reads)

    @event.listens_for(engine, "commit")
    def refuse_to_commit_nothing(connection: Connection) -> None:
        # The server would take COMMIT for a ROLLBACK, and not say so.
        driver = connection.connection.dbapi_connection
        if driver is not None and driver.info.transaction_status.name == "INERROR":
            raise undone(connection)

    offer_copy(engine)
    return engine


def _refuse_unless_utf8(connection: DBAPIConnection, url: URL) -> None:
    # Others cannot hold every text, and some take bytes that are none.
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise NotAStoreError(
            f"The database {url.database!r} has the encoding {encoding}, and the store needs UTF8. "
            "Make one with: createdb --encoding=UTF8 --template=template0 NAME"
        )

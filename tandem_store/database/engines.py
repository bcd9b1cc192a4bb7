"""The two engines of a database, by its URL."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import URL, Engine

from tandem_store.database import postgresql, sqlite
from tandem_store.database.urls import database_url, sqlite_path


class Engines(NamedTuple):
    """The engine that writes to a database, and the one that only reads."""

    write: Engine
    read: Engine

    def dispose(self) -> None:
        """Close every pooled connection of both."""
        # The last connection to an SQLite file checkpoints its log, which a reader cannot.
        self.read.dispose()
        self.write.dispose()


def create_engines(
    text: str | URL, *, synchronous: sqlite.Synchronous = "NORMAL", foreign_keys: bool = True
) -> Engines:
    """Return both engines of a database; the first connection opens it, and never creates it.

    ``synchronous`` and ``foreign_keys`` are settings of SQLite. With ``OFF``, a file survives a
    killed process but not a power cut. Without foreign keys, a migration can rebuild a table that
    others refer to.

    Raises:
        StoreError: the URL is refused, or the PostgreSQL driver is not installed.
    """
    url = database_url(text)
    if sqlite_path(url) is None:
        return Engines(postgresql.writing_engine(url), postgresql.reading_engine(url))
    pragmas = (f"synchronous={synchronous}", f"foreign_keys={'ON' if foreign_keys else 'OFF'}")
    return Engines(*sqlite.create_pair(url, pragmas))

"""Opening either database, by its URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, Engine

from tandem_store.database import postgresql, sqlite
from tandem_store.database.locks import exclusive, exclusive_session
from tandem_store.database.urls import database_url, schema_of, sqlite_path


class Engines(NamedTuple):
    """The two ways into one database."""

    write: Engine
    read: Engine

    def dispose(self) -> None:
        """Close every pooled connection of both."""
        # The last connection to an SQLite file folds its write-ahead log in; a reader may not.
        self.read.dispose()
        self.write.dispose()


def create_engines(
    text: str | URL, *, synchronous: sqlite.Synchronous = "NORMAL", foreign_keys: bool = True
) -> Engines:
    """Both engines for a database; nothing is opened or created before the first connection.

    ``synchronous`` and ``foreign_keys`` are SQLite's. ``OFF`` survives a killed process but not a
    power cut; without foreign keys a migration may rebuild a table that others refer to.

    Raises:
        StoreError: the URL is refused, or the PostgreSQL driver is not installed.
    """
    url = database_url(text)
    if sqlite_path(url) is None:
        return Engines(postgresql.writing_engine(url), postgresql.reading_engine(url))
    pragmas = (f"synchronous={synchronous}", f"foreign_keys={'ON' if foreign_keys else 'OFF'}")
    return Engines(*sqlite.create_pair(url, pragmas))


@contextmanager
def filling_alone(url: URL, *, busy: str) -> Iterator[None]:
    """Keep imports and copies away from a store, which need not exist yet.

    Raises ``StoreLockedError`` with the sentence ``busy`` if one is at work.
    """
    path = sqlite_path(url)
    if path is not None:
        with exclusive(Path(f"{path}.import.lock"), patience_s=0, busy=busy):
            yield
        return
    engine = postgresql.writing_engine(url)
    try:
        # The lock of an import, so that each keeps the other away.
        with exclusive_session(engine, f"import {schema_of(url)}", busy=busy):
            yield
    finally:
        engine.dispose()

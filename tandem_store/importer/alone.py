"""One importer at a time: it numbers the ledger's rows, so there must not be two."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import URL

from tandem_store.engine import database_url, exclusive, sqlite_path
from tandem_store.errors import StoreError


def alone(url: str | URL) -> AbstractContextManager[None]:
    """Keep other importers away from the store; raises ``StoreLockedError`` if one is at work."""
    path = sqlite_path(database_url(url))
    if path is None:
        raise StoreError("Importing into PostgreSQL is not there yet; name an SQLite file.")
    busy = "Another import is running on this store; wait for its end."
    return exclusive(Path(f"{path}.import.lock"), patience_s=0, busy=busy)

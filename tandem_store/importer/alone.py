"""One importer at a time: it numbers the ledger's rows, so there must not be two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout
from sqlalchemy import URL

from tandem_store.engine import database_url, sqlite_path
from tandem_store.errors import StoreError, StoreLockedError


@contextmanager
def alone(url: str | URL) -> Iterator[None]:
    """Keep other importers away from the store; raises ``StoreLockedError`` if one is at work."""
    path = sqlite_path(database_url(url))
    if path is None:
        raise StoreError("Importing into PostgreSQL is not there yet; name an SQLite file.")
    if not path.parent.is_dir():
        raise StoreError(f"The folder {path.parent} does not exist; make it first.")
    try:
        with FileLock(f"{path}.import.lock", timeout=0):
            yield
    except Timeout as error:
        raise StoreLockedError(
            "Another import is running on this store; wait for its end."
        ) from error
    except PermissionError as error:
        raise StoreError(f"The folder {path.parent} is not writable.") from error

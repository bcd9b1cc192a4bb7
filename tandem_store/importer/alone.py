"""One importer at a time: it numbers the ledger's rows, so there must not be two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.engine import (
    create_engines,
    database_url,
    exclusive,
    schema_of,
    sqlite_path,
    translating,
)
from tandem_store.locking import exclusive_session

_BUSY: Final = "Another import is running on this store; wait for its end."


@contextmanager
def alone(url: str | URL) -> Iterator[None]:
    """Keep other importers away from the store until the block or the process ends.

    Raises ``StoreLockedError`` if one is at work.
    """
    target = database_url(url)
    path = sqlite_path(target)
    if path is not None:
        with exclusive(Path(f"{path}.import.lock"), patience_s=0, busy=_BUSY):
            yield
        return
    engines = create_engines(target)
    try:
        # Stores in two schemas of one database are two stores.
        lock = exclusive_session(engines.write, f"import {schema_of(target)}", busy=_BUSY)
        with translating(), lock:
            yield
    finally:
        engines.dispose()

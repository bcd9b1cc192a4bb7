"""One importer at a time: it numbers the ledger's rows, so there must not be two."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import URL

from tandem_store.database.engines import filling_alone
from tandem_store.database.urls import database_url

_BUSY: Final = "Another import is running on this store; wait for its end."


def alone(url: str | URL) -> AbstractContextManager[None]:
    """Keep other importers, and copies, away from the store until the block or the process ends.

    Raises ``StoreLockedError`` if one is at work.
    """
    return filling_alone(database_url(url), busy=_BUSY)

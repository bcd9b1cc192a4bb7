"""Databases that an import may make, or finish making."""

from __future__ import annotations

from sqlalchemy import URL

from tandem_store.database import revisions
from tandem_store.database.urls import is_absent, sqlite_path


def is_to_be_made(url: URL) -> bool:
    """Whether this is an SQLite file of ours without tables, or one that is not there yet.

    One without tables is what a process leaves behind that was killed while it made it. Any other
    database is made, and upgraded, on purpose: by ``tandem-store db upgrade``.

    Raises:
        NotAStoreError: the file is another program's.
        UnfinishedCopyError: a copy into it was interrupted.
    """
    if sqlite_path(url) is None:
        return False
    return is_absent(url) or revisions.current(url) is None

"""Where a dry run happens: in a private SQLite file that begins as a copy of the store."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from tandem_store.copying.job import fill_scratch_store
from tandem_store.database import revisions
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.importer.new_database import is_to_be_made
from tandem_store.store import open_store


@contextmanager
def scratch_store(url: str | URL) -> Iterator[URL]:
    """Make a private copy of the store for the duration of the block, and yield its URL.

    If there is no store yet, that is the URL of a database that does not exist either. Only reads
    the store. The copy takes as much space in the temporary folder as the store's rows, without the
    bytes in quarantine if the store is on a server.

    Raises what ``open_store`` raises for a database that is not a store, or not up to date.
    """
    target = database_url(url)
    path = sqlite_path(target)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "rehearsal.db"
        copy = URL.create("sqlite", database=str(scratch))
        if path is None:
            _copy_rows(target, copy)
        elif not is_to_be_made(target):
            open_store(target).close()  # refuses what is not a store, or not up to date
            _copy_file(path, scratch)
        yield copy


def _copy_file(path: Path, scratch: Path) -> None:
    # Not opened read-only: a reader would leave its shared memory beside the store.
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as source,
        closing(sqlite3.connect(scratch)) as copy,
    ):
        source.backup(copy)


def _copy_rows(target: URL, copy: URL) -> None:
    """Copy the rows of a store on a server, as of one moment."""
    with open_store(target) as store, store.read() as there:
        revisions.upgrade(copy)
        with open_store(copy) as scratch:
            fill_scratch_store(there.connection, scratch)

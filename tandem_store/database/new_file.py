"""A new SQLite file with the tables of the newest revision, made without Alembic.

``migrations/new_file.sql`` has what the revisions amount to on SQLite. ``make docs`` writes it, and
a test holds it to a file that the revisions made. An import into a new file would otherwise spend a
fifth of a second on Alembic. PostgreSQL, and every file that has tables, goes by the revisions.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.database.error_translation import translating
from tandem_store.database.locks.jobs import upgrade_lock
from tandem_store.database.sqlite_files import connect, to_be_upgraded
from tandem_store.database.urls import sqlite_path

#: The name of the script, in the folder of the migrations.
SCRIPT: Final = "new_file.sql"
_ITS_TABLES: Final = "SELECT count(*) FROM sqlite_master"


def make(url: URL, script: Path) -> bool:
    """Make the tables of a file that has none, as a process at a time may.

    Returns False, and changes nothing, if another process has made them in the meantime.

    Raises ``StoreError`` as ``to_be_upgraded`` does, and if the file cannot be written.
    """
    with (
        upgrade_lock(url),
        to_be_upgraded(url) as target,
        translating(),
        closing(connect(Path(sqlite_path(target) or ""), "mode=rw")) as connection,
    ):
        if connection.execute(_ITS_TABLES).fetchone() != (0,):
            return False
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script.read_text()}\nCOMMIT;")
    return True

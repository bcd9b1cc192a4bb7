"""The files that an export has written so far, so that an interrupted one can go on.

It is an SQLite file of its own: which file a run has, and which run a file has, are both asked for
at any time, and it must not matter when the process is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

#: Files between two commits. What was written since the last one is written again.
_BATCH: Final = 500

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
    owner TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    -- On some systems, names that differ only in case are one file.
    path TEXT NOT NULL UNIQUE COLLATE NOCASE,
    digest BLOB NOT NULL,
    kept_out TEXT,
    seen INTEGER NOT NULL
)
"""


class WrittenFile(NamedTuple):
    """A file with one run: the run's revision then, and the SHA-256 of the content.

    ``path`` is relative to the exported folder. ``limit`` is the limit that the run is beyond.
    """

    revision: int
    path: str
    digest: bytes
    limit: str | None


class Journal:
    """The files of one export by their owners, which are runs by their ids."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_SCHEMA)
        connection.execute("UPDATE files SET seen = 0")
        self._waiting = 0

    def file_of(self, owner: str) -> WrittenFile | None:
        """Return the file that a run has from this call or an earlier one."""
        query = "SELECT revision, path, digest, kept_out FROM files WHERE owner = ?"
        row = self._connection.execute(query, (owner,)).fetchone()
        return None if row is None else WrittenFile(*row)

    def is_free(self, path: str, owner: str) -> bool:
        """Return whether no other run has this file."""
        query = "SELECT 1 FROM files WHERE path = ? AND owner <> ?"
        return self._connection.execute(query, (path, owner)).fetchone() is None

    def note(self, owner: str, file: WrittenFile) -> None:
        """Note a file that is there as it should be."""
        self._connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, 1)", (owner, *file)
        )
        self._waiting += 1
        if self._waiting >= _BATCH:
            self.commit()

    def commit(self) -> None:
        """Keep what was noted."""
        self._connection.commit()
        self._waiting = 0

    def unseen(self) -> Iterator[str]:
        """Yield the paths of files that this call did not note: their runs are not there now."""
        for (path,) in self._connection.execute("SELECT path FROM files WHERE seen = 0"):
            yield path


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    """Open a journal, which is made if it is missing, for the duration of the block."""
    with closing(sqlite3.connect(path)) as connection:
        journal = Journal(connection)
        try:
            yield journal
        finally:
            journal.commit()

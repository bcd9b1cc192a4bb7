"""SQL functions for SQLite connections that are not ours: they decode the documents of a store.

Without SQLAlchemy and without a store, so that sqlite-utils and Datasette start as fast as before.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tandem_store.errors import NotAStoreError, StoreError
from tandem_store.mapping.compression import decompress, stored_dictionary
from tandem_store.mapping.rows import readable
from tandem_store.zstd import ZstdDict

_log: Final = logging.getLogger(__name__)

#: Returns a connection to what a URI names.
Open = Callable[[str], sqlite3.Connection]
#: How many dictionaries are kept ready for a connection; a query reads month after month.
_KEPT: Final = 8
# As bytes, because a text that is damaged could not be fetched.
_DICTIONARY: Final = "SELECT CAST(encoding AS BLOB), content, digest FROM dictionaries WHERE id = ?"


def register_sql_functions(connection: sqlite3.Connection) -> None:
    """Add the SQL function ``tandem_json(document, encoding)`` to a connection of ``sqlite3``.

    It returns the JSON of a stored document as text. Of a run that is the part of its record that
    has no column: checkpoint, node outputs and more. It returns NULL for what cannot be decoded: a
    damaged document, one with an encoding that this version does not know, or something that is not
    a document.

    A compacted month needs its dictionary. The function reads it from the database file through a
    connection of its own, so register it again after ``ATTACH``. If no file of the connection has
    the dictionary, the statement fails with ``sqlite3.OperationalError``, and the log says why,
    because Python's ``sqlite3`` hides the reason.

    >>> import sqlite3
    >>> connection = sqlite3.connect(file)
    >>> register_sql_functions(connection)
    >>> connection.execute(
    ...     "SELECT json_extract(tandem_json(document, encoding), '$.checkpoint.completed_nodes')"
    ...     " FROM run_documents_2026_05 WHERE run_id = 'run-1'"
    ... ).fetchone()
    ('["draft","review"]',)
    >>> connection.close()
    """
    register(connection, _files(connection))


def register(connection: sqlite3.Connection, files: Iterable[Path]) -> None:
    """Add the functions to a connection; dictionaries are looked for in these files."""
    dictionaries = Dictionaries(connection, files)
    # Not deterministic, so that SQLite refuses it in an index or a generated column: whatever
    # writes to such a table without the function, as the store itself, would fail.
    connection.create_function("tandem_json", 2, partial(_json, dictionaries.find))


class Dictionaries:
    """Dictionaries of compacted documents, each read from one of the files when it is needed.

    Through a connection of its own: if the function kept the connection that it is registered with,
    neither would ever be released, because Python cannot find a cycle that leads through SQLite.
    """

    def __init__(self, connection: sqlite3.Connection, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        # The driver's own class. It may belong to another SQLite library than Python's, and two
        # libraries in one process must not open the same file: closing it in one drops the locks of
        # the other.
        classes = reversed(type(connection).__mro__)
        driver = next(one for one in classes if hasattr(one, "create_function"))
        self._open: Open = partial(driver, uri=True)
        self._error = connection.Error
        self._kept: dict[int, ZstdDict] = {}
        self._reported: set[int] = set()

    def find(self, number: int) -> ZstdDict:
        """Return the dictionary with this number.

        Raises:
            NotAStoreError: it is damaged.
            StoreError: no file has it, or the one that might have it cannot be read.
        """
        if (dictionary := self._kept.get(number)) is None:
            dictionary = self._read(number)
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = dictionary
        return dictionary

    def _read(self, number: int) -> ZstdDict:
        problems: list[str] = []
        for file in self._files:
            try:
                with self._opened(file) as connection:
                    row = connection.execute(_DICTIONARY, (number,)).fetchone()
            except self._error as error:
                problems.append(f"{file}: {error}")
                continue
            if row is not None:
                encoding, content, digest = row
                return stored_dictionary(number, str(encoding, "utf-8", "replace"), content, digest)
            problems.append(f"{file} does not have it")
        raise self._missing(number, problems)

    def _missing(self, number: int, problems: list[str]) -> StoreError:
        error = StoreError(
            f"tandem_json needs the dictionary {number} to decode a document of a compacted month. "
            f"{'; '.join(problems) or 'The connection has no file'}. Register the function after "
            "ATTACH; if the dictionary is missing, restore the database from a backup."
        )
        if number not in self._reported:  # a statement may fail for each row of a page
            self._reported.add(number)
            _log.warning("%s", error)
        return error

    @contextmanager
    def _opened(self, file: Path) -> Iterator[sqlite3.Connection]:
        """Yield a connection that cannot write.

        SQLite makes a file for its locks even to read. Where it cannot, nobody else writes, either.
        """
        with closing(self._open(f"{file.as_uri()}?mode=ro")) as connection:
            try:
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            except connection.OperationalError:
                if _has_log(file):
                    raise
            else:
                yield connection
                return
        with closing(self._open(f"{file.as_uri()}?immutable=1")) as connection:
            yield connection


def _json(find_dictionary: Callable[[int], ZstdDict], blob: object, encoding: object) -> str | None:
    if not isinstance(blob, bytes) or not isinstance(encoding, str):
        return None
    try:
        return readable(decompress(blob, encoding, find_dictionary=find_dictionary)).decode()
    except (NotAStoreError, ValueError):
        return None


def _has_log(file: Path) -> bool:
    log = Path(f"{os.path.realpath(file)}-wal")
    return log.exists() and log.stat().st_size > 0


def _files(connection: sqlite3.Connection) -> list[Path]:
    """Return the files of a connection: the main one, then those that are attached."""
    cursor = connection.cursor()
    cursor.row_factory = None
    text_factory, connection.text_factory = connection.text_factory, os.fsdecode
    try:
        rows = cursor.execute("PRAGMA database_list").fetchall()
    finally:
        connection.text_factory = text_factory
    return [Path(file) for _, _, file in rows if file]

"""Which databases of a Datasette are stores; others may have columns of the same names."""

from __future__ import annotations

import sqlite3
from typing import Any, Final
from weakref import WeakKeyDictionary

_NAMES: Final = "SELECT name FROM sqlite_master WHERE name IN ('runs', 'runs_readable')"

_stores: Final[WeakKeyDictionary[Any, set[str]]] = WeakKeyDictionary()


def note(datasette: Any, database: str, connection: sqlite3.Connection) -> None:
    """Note whether a database that was just opened is a store."""
    try:
        found = connection.execute(_NAMES).fetchall()
    except connection.Error:  # Datasette itself says what is wrong with the file.
        return
    if len(found) == 2:
        _stores.setdefault(datasette, set()).add(database)


def includes(datasette: Any, database: str) -> bool:
    """Return whether a database that was opened is a store."""
    return database in _stores.get(datasette, ())

"""The plugin of sqlite-utils: ``tandem_json`` in every connection that it opens."""

from __future__ import annotations

import sqlite3
from typing import Final

from pluggy import HookimplMarker

from tandem_store.sql_functions import register_sql_functions

hookimpl: Final = HookimplMarker("sqlite_utils")


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Add the functions; nothing is read before they are called."""
    register_sql_functions(conn)

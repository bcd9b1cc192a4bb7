"""The hooks that Datasette calls."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pluggy import HookimplMarker

from tandem_store.plugins.datasette import stores
from tandem_store.plugins.datasette.cells import document_cell, run_link
from tandem_store.plugins.datasette.run_page import ROUTE, run_page
from tandem_store.sql_functions import register, register_sql_functions

hookimpl: Final = HookimplMarker("datasette")

#: Where a run_id names a run that is there.
_OF_RUNS: Final = re.compile(r"runs|runs_readable|run_documents_\d{4}_\d{2}")


@hookimpl
def prepare_connection(conn: sqlite3.Connection, database: str, datasette: Any) -> None:
    """Add the functions, and note whether the database is a store."""
    if database == "_memory":
        # With --crossdb, the files are attached to this connection later.
        paths = [one.path for one in datasette.databases.values() if one.path]
        register(conn, [Path(path).absolute() for path in paths])
        return
    register_sql_functions(conn)
    stores.note(datasette, database, conn)


@hookimpl
def render_cell(
    row: Mapping[str, Any],
    value: object,
    column: str,
    table: str | None,
    database: str,
    datasette: Any,
) -> Awaitable[str | None] | str | None:
    """Return a document as JSON, and the id of a run as a link to its page."""
    if not stores.includes(datasette, database):
        return None
    if column == "document" and isinstance(value, bytes) and "encoding" in row.keys():  # noqa: SIM118
        return document_cell(datasette, database, value, row["encoding"])
    if column == "run_id" and isinstance(value, str) and _names_a_run(table):
        return run_link(datasette, database, value)
    return None


@hookimpl
def register_routes() -> list[tuple[str, Callable[..., Awaitable[Any]]]]:
    """Return the page of a run."""
    return [(ROUTE, run_page)]


def _names_a_run(table: str | None) -> bool:
    """Return whether a run_id in a table is that of a stored run; None is the result of a query."""
    return table is None or _OF_RUNS.fullmatch(table) is not None

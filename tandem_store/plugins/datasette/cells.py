"""What cells of a store's tables show in place of bytes and ids."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson
from markupsafe import Markup

from tandem_store.mapping.compression import FORGOTTEN

#: Characters of a document that a cell shows: a page may have a hundred cells.
_LONGEST: Final = 20_000
_CELL: Final = Markup(
    '<pre style="max-height: 24em; overflow: auto; margin: 0; font-size: 0.85em">{}</pre>'
)
_LINK: Final = Markup('<a href="{}">{}</a>')


async def document_cell(
    datasette: Any, database: str, document: bytes, encoding: object
) -> str | None:
    """Return a document as JSON, cut if it is long; None if it cannot be decoded."""
    from datasette.database import QueryInterrupted

    if encoding == FORGOTTEN:
        return FORGOTTEN
    query = "select tandem_json(?, ?)"
    try:
        found = await datasette.get_database(database).execute(
            query, [document, encoding], log_sql_errors=False
        )
    except (sqlite3.Error, QueryInterrupted):
        return None
    (text,) = found.first()
    return None if text is None else _CELL.format(_shortened(indented(text)))


def run_link(datasette: Any, database: str, run_id: str) -> Markup:
    """Return the id of a run as a link to the run's page."""
    from datasette.utils import tilde_encode

    page = f"{datasette.urls.database(database)}/-/run/{tilde_encode(run_id)}"
    return _LINK.format(page, run_id)


def indented(text: str) -> str:
    """Return JSON as people read it."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"

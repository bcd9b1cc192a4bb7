"""The page of a run: its columns, its record as JSON, and where it has them from."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode

from tandem_store.mapping.compression import FORGOTTEN
from tandem_store.plugins.datasette import stores
from tandem_store.plugins.datasette.cells import indented

#: What a template is rendered with.
Context = dict[str, Any]

#: The path of the page. Datasette encodes names in paths with tildes.
ROUTE: Final = r"/(?P<database>[^/]+)/-/run/(?P<run_id>[^/]+)$"
_PLACE: Final = "select month, snapshot_id from runs where run_id = :run_id"
_FACTS: Final = "select * from runs_readable where run_id = :run_id"
_ENCODING: Final = "select encoding from {} where run_id = :run_id"
_RECORD: Final = "select tandem_json(document, encoding) as record from {} where run_id = :run_id"


async def run_page(datasette: Any, request: Any) -> Any:
    """Return the page; not found if the database is not a store, or has no such run."""
    from datasette import NotFound, Response
    from datasette.utils import tilde_decode

    database = await _store(datasette, tilde_decode(request.url_vars["database"]))
    of_run = {"run_id": tilde_decode(request.url_vars["run_id"])}
    await _refuse_unless_allowed(datasette, request, database.name, "runs_readable")
    place = (await database.execute(_PLACE, of_run)).first()
    if place is None:
        raise NotFound(f"There is no run {of_run['run_id']} in {database.name}")
    month, snapshot_id = place
    documents = f"run_documents_{month // 100:04}_{month % 100:02}"
    await _refuse_unless_allowed(datasette, request, database.name, documents)
    query = _RECORD.format(documents)
    found = (await database.execute(query, of_run)).first()
    stored = (await database.execute(_ENCODING.format(documents), of_run)).first()
    context = {
        **of_run,
        "database": database.name,
        "facts": dict((await database.execute(_FACTS, of_run)).first()),
        "record": indented(found["record"]) if found and found["record"] else None,
        "forgotten": stored is not None and stored["encoding"] == FORGOTTEN,
        **_links(datasette.urls, database.name, {"sql": query, **of_run}, snapshot_id),
    }
    page = await datasette.render_template("tandem_run.html", context, request=request)
    return Response.html(page)


async def _store(datasette: Any, route: str) -> Any:
    """Return the database with this name in paths; raises ``NotFound`` if it is not a store."""
    from datasette import NotFound

    with suppress(KeyError):
        database = datasette.get_database(route=route)
        await database.execute("select 1")  # opens it, if nobody has yet
        if stores.includes(datasette, database.name):
            return database
    raise NotFound("There is no store of this name")


async def _refuse_unless_allowed(datasette: Any, request: Any, database: str, table: str) -> None:
    """Raise ``Forbidden`` if whoever asks may not see the table."""
    await datasette.ensure_permissions(
        request.actor,
        [("view-table", (database, table)), ("view-database", database), "view-instance"],
    )


def _links(urls: Any, database: str, query: dict[str, str], snapshot_id: int | None) -> Context:
    """Return where the query of the record leads, and its result as JSON, and the definition."""
    page = urls.database(database)
    as_json = {**query, "_shape": "array", "_json": "record"}
    return {
        "sql_url": f"{page}?{urlencode(query)}",
        "json_url": f"{page}.json?{urlencode(as_json)}",
        "snapshot_url": snapshot_id and urls.row(database, "automation_snapshots", snapshot_id),
    }

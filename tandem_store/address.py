"""Which database a URL names: the dialects we speak, the file, the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tandem_store.errors import StoreError

#: The PostgreSQL schema unless the URL says ``?schema=...``.
DEFAULT_SCHEMA: Final = "tandem_store"


def database_url(text: str | URL) -> URL:
    """The database that ``text`` names; a bare path is an SQLite file.

    Raises:
        StoreError: it is in-memory SQLite, a dialect we do not speak, or no URL at all.
    """
    if isinstance(text, str) and "://" not in text:
        return _sqlite_url(URL.create("sqlite", database=text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"This is not a database URL: {error}") from error
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        return _sqlite_url(url)
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"A database of the kind {url.drivername!r} is not supported. "
        "Use sqlite:///FILE or postgresql+psycopg://HOST/DATABASE."
    )


def _sqlite_url(url: URL) -> URL:
    name = url.database or ""
    if name in {"", ":memory:"} or url.query.get("mode") == "memory" or name.startswith("file:"):
        raise StoreError(
            "In-memory SQLite is not supported: every connection would see a different, empty "
            "database. Use a file, for tests in a temporary folder."
        )
    if url.query:
        raise StoreError("Options after the ? of an SQLite URL are not supported; leave them out.")
    return url.set(drivername="sqlite", database=str(Path(name).absolute()))


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def is_absent(url: URL) -> bool:
    """Whether the SQLite file is yet to be made, an empty one too; False for a server."""
    path = sqlite_path(url)
    return path is not None and (not path.exists() or path.stat().st_size == 0)


def schema_of(url: URL) -> str:
    """The PostgreSQL schema that the tables are in."""
    name = url.query.get("schema", DEFAULT_SCHEMA)
    return name if isinstance(name, str) else name[-1]


def shown(text: str | URL) -> str:
    """The URL as people may see it: without the password, wherever it stands."""
    url = database_url(text)
    hidden = {name: "hidden" for name in url.query if "password" in name}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def are_same(one: URL, other: URL) -> bool:
    """Whether two URLs name one store. A server that has several names is not seen through."""
    paths = sqlite_path(one), sqlite_path(other)
    if paths[0] is not None and paths[1] is not None:
        if all(path.exists() for path in paths if path is not None):
            return paths[0].samefile(paths[1])
        return paths[0].resolve() == paths[1].resolve()
    return _server(one) == _server(other)


def _server(url: URL) -> tuple[object, ...]:
    host = url.host or url.query.get("host")
    port = url.port or url.query.get("port", 5432)
    return url.get_backend_name(), host, str(port), url.database, schema_of(url)

"""Database URLs: read, checked, shown without passwords and compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tandem_store.errors import StoreError

#: The PostgreSQL schema unless the URL says ``?schema=...``.
DEFAULT_SCHEMA: Final = "tandem_store"
#: A password in a URL within a URL, its special characters spelled out or not.
_NESTED_PASSWORD: Final = re.compile(r"((?:/|%2F){2}[^/@&?]*?(?::|%3A))[^/@&?]+?(?:@|%40)", re.I)
_NO_URL: Final = (
    "This is not a database URL. Write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE, "
    "and in a password %40 for @, %3A for : and %2F for /"
)
_NO_OPTIONS: Final = (
    "Options after the ? of an SQLite URL are not supported; leave them out, and write a ? in the "
    "name of the file as %3F"
)
#: The beginning of a URL without slashes.
_SCHEME: Final = re.compile(r"(sqlite|postgres(ql)?)(\+\w+)?:", re.I)
#: Bytes; PostgreSQL cuts longer names.
_LONGEST_NAME: Final = 63


def database_url(text: str | URL) -> URL:
    """Return the URL of the database that ``text`` names; a bare path is an SQLite file.

    Raises:
        StoreError: it is in-memory SQLite, another kind of database, or not a URL.
    """
    if isinstance(text, str) and not text.strip():
        raise StoreError(
            "The name of the database is empty. Give a file, or a URL such as sqlite:///runs.db"
        )
    if isinstance(text, str) and "://" not in text:
        _refuse_scheme(text)
        return _sqlite_url(URL.create("sqlite", database=text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        # Without the parser's message: if there is no host, it quotes the password as the port.
        raise StoreError(_NO_URL) from error
    if "@" in (url.host or ""):
        # The end of a password that contains an @: every message about the host would show it.
        raise StoreError(_NO_URL)
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if isinstance(text, str) and "?" in text and not url.query:
            # The parser drops anything that is not an option, so another file would be named.
            raise StoreError(_NO_OPTIONS)
        return _sqlite_url(url)
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        _refuse_schema(schema_of(url))
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"A database of the kind {url.drivername!r} is not supported. "
        "Use sqlite:///FILE or postgresql+psycopg://HOST/DATABASE."
    )


def _refuse_schema(name: str) -> None:
    # PostgreSQL reserves these, replaces one of them by the name of the user, and cuts long names.
    reserved = name in {"$user", "information_schema"} or name.startswith("pg_")
    if not name or reserved or len(name.encode()) > _LONGEST_NAME:
        raise StoreError(
            f"A PostgreSQL schema cannot be called {name!r}: a name has 1 to {_LONGEST_NAME} "
            "bytes, does not begin with pg_, and is neither $user nor information_schema. "
            "Choose another ?schema=..."
        )


def _refuse_scheme(path: str) -> None:
    # Otherwise it would be taken for a path. It is not quoted, because it may contain a password.
    if _SCHEME.match(path):
        raise StoreError(
            "The URL of the database lacks slashes: write sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        )


def _sqlite_url(url: URL) -> URL:
    name = url.database or ""
    if url.host:
        # What follows two slashes is a host, and SQLite has no hosts.
        raise StoreError(
            f"sqlite://{url.host} lacks a slash: write sqlite:///FILE for a file in this folder, "
            "sqlite:////FOLDER/FILE for one elsewhere."
        )
    if name in {"", ":memory:"} or url.query.get("mode") == "memory" or name.startswith("file:"):
        raise StoreError(
            "In-memory SQLite is not supported: every connection would see a different, empty "
            "database. Use a file, for tests in a temporary folder."
        )
    if url.query:
        raise StoreError(_NO_OPTIONS)
    path = Path(name).absolute()
    if path.is_dir():
        raise StoreError(f"{path} is a folder. Name a file in it, as {path / 'runs.db'}")
    if path.exists() and not path.is_file():
        # A new database replaces an empty file; run by root, it would also replace a device.
        raise StoreError(f"{path} is a device, a pipe or a socket. Name a file instead.")
    return url.set(drivername="sqlite", database=str(path))


def sqlite_path(url: URL) -> Path | None:
    """Return the file of an SQLite database; None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def is_absent(url: URL) -> bool:
    """Return whether the SQLite file is missing or empty; False for a server."""
    path = sqlite_path(url)
    return path is not None and (not path.exists() or path.stat().st_size == 0)


def schema_of(url: URL) -> str:
    """Return the PostgreSQL schema that the tables are in."""
    name = url.query.get("schema", DEFAULT_SCHEMA)
    return name if isinstance(name, str) else name[-1]


def shown(text: str | URL) -> str:
    """Return the URL for people: without passwords, wherever it contains them; a path as it is.

    Raises ``StoreError`` if ``database_url`` does.
    """
    url = database_url(text)
    if isinstance(text, str) and "://" not in text:
        return text
    hidden = {name: "hidden" for name in url.query if "pass" in name.lower()}
    rendered = url.update_query_dict(hidden).render_as_string(hide_password=True)
    return _NESTED_PASSWORD.sub(r"\1***@", rendered)


def are_same(one: URL, other: URL) -> bool:
    """Return whether two URLs name one store; two names of one server count as different."""
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

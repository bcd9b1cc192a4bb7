"""Writing to a store past its API: to damage it, and for what no command can do yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from tandem_store.database.engines import create_engines


@contextmanager
def tampering(url: str, *, references: bool = True) -> Iterator[Connection]:
    """A writing transaction on a database that may refuse to open as a store.

    Without ``references``, no foreign key is enforced in it.
    """
    engines = create_engines(url, foreign_keys=references)
    try:
        with engines.write.begin() as connection:
            if not references and connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
    finally:
        engines.dispose()

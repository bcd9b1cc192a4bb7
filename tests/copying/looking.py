"""What the tests look at, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, select

from tandem_store import models
from tandem_store.database.engines import create_engines
from tests.importer.reading import dump as dump


@contextmanager
def behind_its_back(url: str) -> Iterator[Connection]:
    """A writing transaction on a database that may refuse to open as a store."""
    engines = create_engines(url)
    try:
        with engines.write.begin() as connection:
            yield connection
    finally:
        engines.dispose()


def all_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the documents, in the order of their keys."""
    with behind_its_back(url) as connection:
        return {
            str(table.name): [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in models.metadata.sorted_tables
            if table is not models.run_documents
        }

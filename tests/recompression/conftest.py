"""A store with two months that are long over, whose documents have much in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tandem_store import open_store
from tests.recompression.months import fill
from tests.support.databases import copied_file, database_of, server_database


@pytest.fixture(scope="session")
def over_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store with two months that are over, to be copied."""
    path = tmp_path_factory.mktemp("over") / "store.db"
    with open_store(copied_file(sqlite_template, path)) as store:
        fill(store)
    return path


@pytest.fixture(scope="session")
def over_database(postgresql_server: URL, postgresql_template: str) -> Iterator[str]:
    """The name of a PostgreSQL store with two months that are over, to be copied."""
    with server_database(postgresql_server, postgresql_template) as url:
        with open_store(url) as store:
            fill(store)
        yield database_of(url)


@pytest.fixture
def over_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A store with two months that are over, on either database."""
    if database == "sqlite":
        yield copied_file(request.getfixturevalue("over_file"), tmp_path / "store.db")
        return
    over: str = request.getfixturevalue("over_database")
    with server_database(request.getfixturevalue("postgresql_server"), over) as url:
        yield url

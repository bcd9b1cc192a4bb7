"""A store with everything in it that is hard to carry, and databases to carry it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tandem_store.copying import copy_store
from tests.copying.hard_cases import fill
from tests.support import REPOSITORY
from tests.support.databases import EMPTY, copied_file, database_of, server_database


@pytest.fixture(scope="session")
def hard_cases(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One SQLite store with every hard case, made once a session."""
    folder = tmp_path_factory.mktemp("filled")
    path = folder / "store.db"
    fill(copied_file(sqlite_template, path), REPOSITORY / "examples" / "state", folder / "state")
    return path


@pytest.fixture
def source_url(hard_cases: Path, tmp_path: Path) -> str:
    """An SQLite store with every hard case, the test's own."""
    return copied_file(hard_cases, tmp_path / "source.db")


@pytest.fixture
def target_url(empty_url: str) -> str:
    """A new database without tables, to copy to."""
    return empty_url


@pytest.fixture(scope="session")
def hard_database(postgresql_server: URL, hard_cases: Path) -> Iterator[str]:
    """The name of one PostgreSQL store with every hard case, made once a session."""
    with server_database(postgresql_server, EMPTY) as url:
        copy_store(str(hard_cases), url)
        yield database_of(url)


@pytest.fixture
def full_url(database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A store with every hard case, on either database."""
    if database == "sqlite":
        yield request.getfixturevalue("source_url")
        return
    hard: str = request.getfixturevalue("hard_database")
    with server_database(request.getfixturevalue("postgresql_server"), hard) as url:
        yield url

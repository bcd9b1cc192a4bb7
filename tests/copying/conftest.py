"""A store with everything in it that is hard to carry, and databases to carry it to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store.copying import copy_store
from tests.copying.hard_cases import fill
from tests.support import REPOSITORY
from tests.support.databases import NewDatabase, copied_file


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


@pytest.fixture
def full_url(database: str, source_url: str, new_database_on: NewDatabase) -> str:
    """A store with every hard case, on either database."""
    if database == "sqlite":
        return source_url
    url = new_database_on(database)
    copy_store(source_url, url)
    return url

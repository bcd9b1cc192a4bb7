"""A store with two months that are long over, whose documents have much in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store import open_store
from tests.recompression.months import fill
from tests.support.databases import copied_file


@pytest.fixture(scope="session")
def over_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store with two months that are over, to be copied."""
    path = tmp_path_factory.mktemp("over") / "store.db"
    with open_store(copied_file(sqlite_template, path)) as store:
        fill(store)
    return path


@pytest.fixture
def over_url(database: str, over_file: Path, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A store with two months that are over, on either database."""
    if database == "sqlite":
        return copied_file(over_file, tmp_path / "store.db")
    url: str = request.getfixturevalue("store_url")
    with open_store(url) as store:
        fill(store)
    return url

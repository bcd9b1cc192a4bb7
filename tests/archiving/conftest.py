"""A store with three months that are over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archiving.months import fill
from tests.support.databases import copied_file


@pytest.fixture(scope="session")
def months_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store with three months, to be copied."""
    folder = tmp_path_factory.mktemp("months")
    fill(copied_file(sqlite_template, folder / "store.db"), folder / "state")
    return folder / "store.db"


@pytest.fixture
def months_url(
    database: str, months_file: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> str:
    """A store with three months, on either database."""
    if database == "sqlite":
        return copied_file(months_file, tmp_path / "store.db")
    url: str = request.getfixturevalue("store_url")
    fill(url, tmp_path / "state")
    return url

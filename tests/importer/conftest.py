"""State directories and databases for the importer's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.states import StateDir

NewStore = Callable[[], str]

#: For tests whose rule must hold on either database.
on_both = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """An empty state directory."""
    return StateDir(tmp_path / "state")


@pytest.fixture
def database() -> str:
    """Where a test runs: on SQLite, unless it is marked ``on_both``."""
    return "sqlite"


@pytest.fixture
def url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database that does not exist yet, or one at head and without data on PostgreSQL."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    made: str = request.getfixturevalue("postgresql_url")
    return made


@pytest.fixture
def new_store(
    database: str,
    template_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> NewStore:
    """Makes one more empty store at each call and returns its URL."""

    def make() -> str:
        path = tmp_path_factory.mktemp("store") / "runs.db"
        shutil.copy2(template_database, path)
        return f"sqlite:///{path}"

    if database == "sqlite":
        return make
    made: NewStore = request.getfixturevalue("new_postgresql_store")
    return made

"""A store with everything in it that is hard to carry, and databases to carry it to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.conftest import REPOSITORY, _database
from tests.copying.hard_cases import fill

NewTarget = Callable[[str], str]


@pytest.fixture(scope="session")
def filled(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One SQLite store with every hard case, made once a session."""
    folder = tmp_path_factory.mktemp("filled")
    path = folder / "store.db"
    shutil.copy2(template_database, path)
    fill(f"sqlite:///{path}", REPOSITORY / "examples" / "state", folder / "state")
    return path


@pytest.fixture
def source_url(filled: Path, tmp_path: Path) -> str:
    """A store with every hard case, the test's own."""
    path = tmp_path / "source.db"
    shutil.copy2(filled, path)
    return f"sqlite:///{path}"


@pytest.fixture
def new_target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NewTarget]:
    """Gives the URL of a new database, without tables, for a kind: sqlite or postgresql."""
    databases: list[Iterator[str]] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / f'target-{len(list(tmp_path.iterdir()))}.db'}"
        server: URL = request.getfixturevalue("postgresql_server")
        databases.append(_database(server, "template1"))
        return next(databases[-1])

    yield make
    for database in databases:
        next(database, None)


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, new_target: NewTarget) -> str:
    """A new database without tables, of each kind."""
    return new_target(request.param)

"""State directories and databases for the importer's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.states import StateDir

NewStore = Callable[[], str]


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """An empty state directory."""
    return StateDir(tmp_path / "state")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture
def new_store(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> NewStore:
    """Makes one more empty store at each call and returns its URL."""

    def make() -> str:
        path = tmp_path_factory.mktemp("store") / "runs.db"
        shutil.copy2(template_database, path)
        return f"sqlite:///{path}"

    return make

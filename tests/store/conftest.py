"""A store to work on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tandem_store import Store, open_store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty SQLite store."""
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def any_store(any_store_url: str) -> Iterator[Store]:
    """An empty store, on either database."""
    with open_store(any_store_url) as opened:
        yield opened


@pytest.fixture
def new_store(
    template_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Callable[[str], str]:
    """Makes one more empty store of a kind, sqlite or postgresql, and returns its URL."""

    def make(kind: str) -> str:
        if kind == "postgresql":
            url: str = request.getfixturevalue("new_postgresql_store")()
            return url
        path = tmp_path_factory.mktemp("store") / "store.db"
        shutil.copy2(template_database, path)
        return f"sqlite:///{path}"

    return make

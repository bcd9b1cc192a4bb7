"""Stores that are hard to back up, on either database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store.copying import copy_store
from tests.copying.conftest import NewTarget
from tests.copying.conftest import filled as filled
from tests.copying.conftest import new_target as new_target
from tests.copying.conftest import source_url as source_url


@pytest.fixture(params=["sqlite", "postgresql"])
def full_url(request: pytest.FixtureRequest, source_url: str, new_target: NewTarget) -> str:
    """A store with every hard case, on each of both."""
    if request.param == "sqlite":
        return source_url
    url = new_target("postgresql")
    copy_store(source_url, url)
    return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for backups."""
    made = tmp_path / "backups"
    made.mkdir()
    return made

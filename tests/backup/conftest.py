"""Stores that are hard to back up, on either database, and a folder for backups."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.copying.conftest import full_url as full_url
from tests.copying.conftest import hard_cases as hard_cases
from tests.copying.conftest import hard_database as hard_database
from tests.copying.conftest import source_url as source_url
from tests.copying.conftest import target_url as target_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for backups."""
    made = tmp_path / "backups"
    made.mkdir()
    return made

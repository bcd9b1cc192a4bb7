"""The fixtures of the pytest plugin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem_store.database.revisions import upgrade
from tandem_store.records import RunRecord
from tandem_store.store import Store, open_store
from tandem_store.testing.samples import one_of_each


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SQLite file with an empty store, made once in a session. Copy it, do not use it."""
    path = tmp_path_factory.mktemp("tandem_store") / "store.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def run_store_url(migrated_store: Path, tmp_path: Path) -> str:
    """Return the URL of an empty store that only this test has; override it for PostgreSQL."""
    path = tmp_path / "runs.db"
    shutil.copy2(migrated_store, path)
    return f"sqlite:///{path}"


@pytest.fixture
def run_store(run_store_url: str) -> Iterator[Store]:
    """Return that store, open; it is closed when the test ends."""
    with open_store(run_store_url) as store:
        yield store


@pytest.fixture
def sample_runs(run_store: Store) -> tuple[RunRecord, ...]:
    """Return runs that are in ``run_store``: one in each state, the newest created first."""
    runs = one_of_each()
    with run_store.begin() as tx:
        tx.runs.add_many(runs)
    return runs

"""A store with runs in two months, and how to damage it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tandem_store.importer import import_state
from tandem_store.importer.options import ImportOptions
from tests.legacy_runs import CREATED_MS, MONTH_MS, definition, full_run
from tests.states import StateDir

#: How many runs lie in each of the two months.
EACH = 30
MAY, JUNE = "2026-05", "2026-06"


def fill(url: str, root: Path) -> None:
    """Import 30 runs in May, 30 in June, and two definitions; every run has a snapshot."""
    state = StateDir(root)
    for month, first in ((MAY, CREATED_MS), (JUNE, CREATED_MS + MONTH_MS)):
        for number in range(EACH):
            run = full_run(
                f"{month}-{number:02}",
                created_at_ms=first,
                updated_at_ms=first + number,
                automation_snapshot=definition(f"auto-{number % 3}"),
                nodes=["draft", "review", "send"][: 1 + number % 3],
                runtime_context={"routines": [], "text": f"{number}-" * 2_000},
            )
            state.shard(run)
    state.definition(definition("auto-0"))
    state.definition(definition("auto-1"))
    import_state(url, state.root, ImportOptions(jobs=1))


@pytest.fixture(scope="session")
def sound_file(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store without a flaw, to be copied."""
    folder = tmp_path_factory.mktemp("sound")
    path = folder / "store.db"
    shutil.copy2(template_database, path)
    fill(str(path), folder / "state")
    return path


@pytest.fixture
def sound_sqlite(sound_file: Path, tmp_path: Path) -> str:
    """A copy of it."""
    path = tmp_path / "store.db"
    shutil.copy2(sound_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def sound_postgresql(postgresql_url: str, tmp_path: Path) -> str:
    """The same runs on PostgreSQL."""
    fill(postgresql_url, tmp_path / "state")
    return postgresql_url


@pytest.fixture(params=["sqlite", "postgresql"])
def sound_url(request: pytest.FixtureRequest) -> str:
    """The same on each of both."""
    url: str = request.getfixturevalue(f"sound_{request.param}")
    return url

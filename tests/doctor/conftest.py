"""A store with runs in two months, and how to damage it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tandem_store.importer import import_state
from tandem_store.importer.options import ImportOptions
from tests.support.databases import copied_file, database_of, server_database
from tests.support.legacy_runs import CREATED_MS, MONTH_MS, definition, full_run
from tests.support.state_directories import StateDir

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
def sound_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store without a flaw, to be copied; what it was imported from is beside it."""
    folder = tmp_path_factory.mktemp("sound")
    path = folder / "store.db"
    fill(copied_file(sqlite_template, path), folder / "state")
    return path


@pytest.fixture(scope="session")
def sound_database(
    postgresql_server: URL, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a PostgreSQL store without a flaw, to be copied."""
    with server_database(postgresql_server, postgresql_template) as url:
        fill(url, tmp_path_factory.mktemp("sound") / "state")
        yield database_of(url)


@pytest.fixture
def sound_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A store without a flaw, on either database; on SQLite it is ``store.db`` in ``tmp_path``."""
    if database == "sqlite":
        yield copied_file(request.getfixturevalue("sound_file"), tmp_path / "store.db")
        return
    sound: str = request.getfixturevalue("sound_database")
    with server_database(request.getfixturevalue("postgresql_server"), sound) as url:
        yield url

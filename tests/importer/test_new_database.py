"""An SQLite file that was begun and never finished is finished by the import."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tandem_store.database import revisions
from tandem_store.database.sqlite_files import APPLICATION_ID
from tests.support.importing import imported
from tests.support.program import command
from tests.support.state_directories import StateDir, run
from tests.support.stored import stored_runs

pytestmark = pytest.mark.sqlite


def nothing_yet(path: Path) -> None:
    """A file without a first byte."""
    path.touch()


def marked_as_ours(path: Path) -> None:
    """A file with our mark and without a table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("VACUUM")


def no_tables(path: Path) -> None:
    """A database of nobody."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")


@pytest.mark.parametrize("begin", [nothing_yet, marked_as_ours, no_tables])
def test_an_import_finishes_what_a_killed_one_has_begun(
    state: StateDir, tmp_path: Path, begin: Callable[[Path], None]
) -> None:
    """The same command goes on, instead of asking for an upgrade for ever."""
    path = tmp_path / "runs.db"
    state.shard(run("a"))
    begin(path)

    done = command("--db", path, "import", str(state.root), "--json")

    assert done.exit_code == 0, done.stderr
    assert revisions.current(str(path)) == revisions.HEAD
    assert sorted(stored_runs(str(path))) == ["a"]


def test_a_dry_run_leaves_it_as_it_is(state: StateDir, tmp_path: Path) -> None:
    """It tells what the import would do, and writes nothing."""
    path = tmp_path / "runs.db"
    state.shard(run("a"))
    marked_as_ours(path)
    before = path.read_bytes()

    report = imported(str(path), state.root, dry_run=True)

    assert (report["runs"], path.read_bytes()) == (1, before)


def test_a_store_that_is_behind_is_still_refused(state: StateDir, store_url: str) -> None:
    """Upgrading what was finished once is for the operator to decide."""
    state.shard(run("a"))
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE tandem_store_version SET version_num = '0001'")

    done = command("--db", store_url, "import", str(state.root))

    assert done.exit_code == 5
    assert revisions.current(store_url) == "0001"


def test_another_programs_database_is_refused(state: StateDir, tmp_path: Path) -> None:
    """Nothing is made in it."""
    path = tmp_path / "notes.db"
    state.shard(run("a"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")

    done = command("--db", path, "import", str(state.root))

    assert done.exit_code == 1
    assert "another program" in done.stderr

"""What cannot be read is told, and is neither the same nor different."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tandem_store.cli import exits
from tandem_store.errors import SourceError
from tandem_store.importer import ImportOptions, import_state
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.state_directories import StateDir, context_state, definition, run

_NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """As a user whom permission bits concern, which they do not if that is the superuser."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can get to, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-open-"))
    folder.chmod(0o777)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def closed(open_folder: Path) -> StateDir:
    """A state directory with a run in each kind of tree."""
    state = StateDir(open_folder / "state")
    state.hot({"hot": run("hot")})
    state.shard(run("shard"))
    state.backup({"moved": run("moved")})
    state.context(context_state("context"))
    return state


@pytest.fixture
def url(closed: StateDir, open_folder: Path) -> str:
    """A store that every user may write to, with all that is in the state directory.

    It is made and verified with full rights, because modules are loaded on the way.
    """
    closed.definition(definition("d"))
    database = open_folder / "runs.db"
    url = f"sqlite:///{database}"
    imported(url, closed.root)
    verify_state(url, closed.root)
    for path in open_folder.glob("runs.db*"):
        path.chmod(0o666)
    return url


FOLDERS = [
    "data",
    "data/automation-runs",
    "data/automation-runs/automation_v2_runs",
    "data/automation-runs/automation_v2_runs/2026/05",
    "data/context-runs",
    "data/context-runs/hot",
    "backups",
]


@pytest.mark.parametrize("mode", [0o644, 0o000], ids=["listed", "closed"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_cannot_be_entered_is_told(closed: StateDir, folder: str, mode: int) -> None:
    """Also one whose names can be listed: nothing behind them can be asked, not even whether."""
    (closed.root / folder).chmod(mode)

    with without_privileges():
        found = list(StateDirectory.locate(closed.root).walk())

    told = [one.path for one in found if isinstance(one, SkippedFile) and one.needs_attention]
    assert folder in told


def test_a_whole_tree_that_may_only_be_listed_is_told(closed: StateDir) -> None:
    """As ``chmod -R 644`` leaves it."""
    folders = [path for path in (closed.data / "automation-runs").rglob("*") if path.is_dir()]
    for path in [*reversed(folders), closed.data / "automation-runs"]:
        path.chmod(0o644)

    with without_privileges():
        found = list(StateDirectory.locate(closed.root).walk())

    (told,) = [one for one in found if isinstance(one, SkippedFile) and one.needs_attention]
    assert told.path == "data/automation-runs"
    assert "permission denied" in told.reason


def test_a_root_that_cannot_be_entered_is_refused(closed: StateDir) -> None:
    """There is nothing in it that could be compared."""
    closed.root.chmod(0o644)

    with without_privileges(), pytest.raises(SourceError, match="permission denied"):
        StateDirectory.locate(closed.root)


def test_an_unentered_folder_is_no_pass(closed: StateDir, url: str) -> None:
    """Neither of the verification nor of the import: both count it as not read."""
    (closed.data / "automation-runs").chmod(0o644)

    with without_privileges():
        again = import_state(url, closed.root, ImportOptions())
        report = verify_state(url, closed.root)

    assert [one.path for one in again.not_read] == ["data/automation-runs"]
    assert exits.of_import(again) == exits.INCOMPLETE
    assert [one.path for one in report.not_read] == ["data/automation-runs"]
    assert (report.checked, report.differences) == (3, [])


@pytest.mark.parametrize("kind", ["hot", "shard", "definition"])
def test_an_unreadable_file_is_not_different(closed: StateDir, url: str, kind: str) -> None:
    """The store has what it had; nobody knows what the source has."""
    paths = {
        "hot": closed.hot({}),
        "shard": closed.shard(run("shard")),
        "definition": closed.definition(definition("d")),
    }
    path = paths[kind]
    path.chmod(0)

    with without_privileges():
        report = verify_state(url, closed.root)

    assert [one.path for one in report.not_read] == [str(path.relative_to(closed.root))]
    assert report.differences == []

"""The import as a command: exit codes, dry runs, strictness, links that were allowed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.importer.traps import lay_all
from tests.support.importing import imported
from tests.support.json_values import exact
from tests.support.program import command
from tests.support.state_directories import StateDir, damaged, full_run
from tests.support.stored import stored_runs

pytestmark = pytest.mark.sqlite


def test_a_clean_source_ends_with_0(state: StateDir, url: str) -> None:
    """Strays are no cause for alarm."""
    state.shard(full_run("clean"))
    state.write("data/automation-runs/automation_v2_runs/.DS_Store", b"\0")

    done = command("--db", url, "import", str(state.root), "--json")

    assert (done.exit_code, orjson.loads(done.stdout_bytes)["runs"]) == (0, 1)


def test_quarantined_items_end_with_3_until_they_are_gone(state: StateDir, url: str) -> None:
    """A second import, which finds nothing new, still says that something lies in quarantine."""
    state.shard(full_run("good"))
    state.shard(damaged("bad"))

    first = command("--db", url, "import", str(state.root), "--json")
    second = command("--db", url, "import", str(state.root), "--json")

    assert (first.exit_code, second.exit_code) == (3, 3)


def test_a_link_out_of_the_root_ends_with_3(state: StateDir, url: str) -> None:
    """What was not read may hold runs."""
    link_outside(state)

    done = command("--db", url, "import", str(state.root), "--json")

    assert (done.exit_code, orjson.loads(done.stdout_bytes)["runs"]) == (3, 0)


def test_an_allowed_root_is_followed(state: StateDir, url: str) -> None:
    """The operator named the target, so its runs are imported."""
    outside = link_outside(state)

    done = command("--db", url, "import", str(state.root), "--allow-root", str(outside), "--json")

    assert (done.exit_code, orjson.loads(done.stdout_bytes)["runs"]) == (0, 1)


def test_an_absent_source_ends_with_1_and_creates_nothing(tmp_path: Path, url: str) -> None:
    """The message names the path."""
    done = command("--db", url, "import", str(tmp_path / "nowhere"))

    assert done.exit_code == 1
    assert "nowhere" in done.stderr
    assert not (tmp_path / "runs.db").exists()


def test_a_dry_run_tells_the_outcomes_and_creates_nothing(
    state: StateDir, url: str, tmp_path: Path
) -> None:
    """The plan has the numbers of the import that follows it."""
    lay_all(state)

    planned = imported(url, state.root, dry_run=True)

    assert not list(tmp_path.glob("runs.db*"))
    done = imported(url, state.root)
    assert planned["dry_run"] is True
    assert done["dry_run"] is False
    assert planned["outcomes"] == done["outcomes"]
    assert planned["months"] == done["months"]


def test_strict_imports_only_what_is_clean(state: StateDir, url: str) -> None:
    """A run that would have to be recovered is left out, the clean one is not."""
    clean = full_run("clean")
    state.hot({"clean": clean, "bad": damaged("bad")})

    report = imported(url, state.root, strict=True)

    assert report["outcomes"]["recovered"] == 0
    assert exact(stored_runs(url)) == exact({"clean": clean})


def test_the_source_may_be_the_data_folder_or_the_hot_file(state: StateDir, tmp_path: Path) -> None:
    """Root, data folder and hot file lead to the same runs."""
    hot = state.hot({"one": full_run("one")})
    state.shard(full_run("two"))
    stores = [f"sqlite:///{tmp_path / name}.db" for name in ("root", "data", "file")]

    for store, source in zip(stores, (state.root, state.data, hot), strict=True):
        imported(store, source)

    assert all(stored_runs(store).keys() == {"one", "two"} for store in stores)


def test_the_root_may_be_a_link(state: StateDir, url: str, tmp_path: Path) -> None:
    """A link to the directory itself leads nowhere else."""
    state.shard(full_run("linked"))
    (tmp_path / "link").symlink_to(state.root, target_is_directory=True)

    assert imported(url, tmp_path / "link")["runs"] == 1


def link_outside(state: StateDir) -> Path:
    """Link a month to a folder elsewhere that holds one run; returns that folder."""
    outside = StateDir(state.root.parent / "elsewhere").shard(full_run("outside")).parent
    link = state.data / "automation-runs" / "automation_v2_runs" / "2026" / "05"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside, target_is_directory=True)
    return outside

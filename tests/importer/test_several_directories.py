"""Several directories in one store: each keeps its own import, and none loses a run to another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tandem_store import open_store
from tandem_store.importer.reconcile import Reconciliation
from tandem_store.importer.session import ImportSession
from tests.support.importing import imported
from tests.support.state_directories import StateDir, full_run, run
from tests.support.stored import dump, scalar, stored_runs


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


@contextmanager
def killed_after(monkeypatch: pytest.MonkeyPatch, commits: int) -> Iterator[None]:
    """Let the import in the block die once it has committed so many transactions."""
    begin = ImportSession.begin
    done: list[int] = []

    @contextmanager
    def counted(session: ImportSession) -> Iterator[object]:
        if len(done) == commits:
            raise KilledError
        with begin(session) as tx:
            yield tx
        done.append(1)

    with monkeypatch.context() as patched:
        patched.setattr(ImportSession, "begin", counted)
        with pytest.raises(KilledError):
            yield


def killed_before_settling(url: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import up to the moment when all files are read and nothing is judged."""

    def die(_: Reconciliation) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Reconciliation, "run", die)
        with pytest.raises(KilledError):
            imported(url, root)


def two_shards(state: StateDir) -> None:
    """A run whose newer copy waits for the settling, and one that only has a copy to judge."""
    state.shard(run("a"), month="2026/01")
    state.shard(run("a", hours=9, detail="newer"), month="2026/02")


@pytest.fixture
def other(tmp_path: Path) -> StateDir:
    """One more state directory."""
    return StateDir(tmp_path / "other")


@contextmanager
def away(state: StateDir) -> Iterator[None]:
    """The directory is not there, as if it were not mounted."""
    aside = state.root.with_name("aside")
    state.root.rename(aside)
    yield
    aside.rename(state.root)


def test_a_directory_that_was_away_while_another_was_imported_is_complete_in_the_end(
    state: StateDir, other: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its interrupted import is not ended by one of another directory, nor are its runs known."""
    two_shards(state)
    killed_before_settling(url, state.root, monkeypatch)
    other.shard(run("b"))

    with away(state):
        imported(url, other.root)
    report = imported(url, state.root)

    assert stored_runs(url)["a"]["detail"] == "newer"
    assert sorted(stored_runs(url)) == ["a", "b"]
    assert report["outcomes"]["unchanged"] == 0


@pytest.mark.sqlite
def test_a_directory_with_other_content_at_the_same_places_takes_nothing_over(
    state: StateDir, other: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same names, same sizes, same times: only bytes tell that it is not the one that is away."""
    for each, letter in ((state, "x"), (other, "y")):
        two_shards(each)
        newest = each.shard(run("a", hours=9, detail=f"newer {letter}"), month="2026/02")
        os.utime(newest, ns=(0, 0))
    killed_before_settling(url, state.root, monkeypatch)

    with away(state):
        imported(url, other.root)

    assert scalar(url, "SELECT count(*) FROM imports") == 2
    assert scalar(url, "SELECT state FROM imports ORDER BY id LIMIT 1") == "scanning"


def test_each_directory_goes_on_with_its_own_import(
    state: StateDir, other: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are interrupted at once; each is finished by its own directory."""
    two_shards(state)
    other.shard(run("b"), month="2026/01")
    other.shard(run("b", hours=9, detail="newer"), month="2026/02")
    killed_before_settling(url, state.root, monkeypatch)
    killed_before_settling(url, other.root, monkeypatch)

    imported(url, other.root)
    imported(url, state.root)

    assert scalar(url, "SELECT count(*) FROM imports WHERE state = 'done'") == 2
    assert {one["detail"] for one in stored_runs(url).values()} == {"newer"}


@pytest.mark.sqlite
def test_a_moved_directory_with_one_file_changed_is_read_anew(
    state: StateDir, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not prove to be the same, and is imported as any other directory."""
    two_shards(state)
    killed_before_settling(url, state.root, monkeypatch)
    moved = tmp_path / "moved"
    state.root.rename(moved)
    StateDir(moved).shard(run("a", hours=10, detail="newest"), month="2026/01")

    imported(url, moved)

    assert stored_runs(url)["a"]["detail"] == "newest"


@pytest.mark.sqlite
def test_a_copy_of_a_directory_takes_nothing_over_while_the_first_is_there(
    state: StateDir, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal bytes alone do not make it the one that was interrupted."""
    two_shards(state)
    killed_before_settling(url, state.root, monkeypatch)
    copy = tmp_path / "copy"
    shutil.copytree(state.root, copy)

    imported(url, copy)

    assert scalar(url, "SELECT root FROM imports ORDER BY id LIMIT 1") == str(state.root)


@pytest.mark.sqlite
def test_a_file_that_was_away_when_the_import_ended_is_read_when_it_is_back(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was never judged is never unchanged, though neither size nor time differ."""
    two_shards(state)
    killed_before_settling(url, state.root, monkeypatch)
    newest = next((state.data / "automation-runs").rglob("2026/02/a.json"))
    aside = state.root.with_name("a.json")

    newest.rename(aside)
    imported(url, state.root)
    aside.rename(newest)
    report = imported(url, state.root)

    assert stored_runs(url)["a"]["detail"] == "newer"
    assert report["outcomes"]["imported"] == 1


def test_an_entry_that_could_not_be_read_again_is_read_when_it_can_be(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hot file was away for the moment when the winner was to be stored."""
    state.archive({"a": run("a")})
    hot = state.hot({"a": run("a", hours=9, detail="newer"), "b": run("b")})
    aside = state.root.with_name("aside.json")
    settle = Reconciliation.run

    def without_the_file(settlement: Reconciliation) -> None:
        hot.rename(aside)
        settle(settlement)
        aside.rename(hot)

    archive_first = lambda files: sorted(files, key=lambda file: -file.source.rank)  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(Reconciliation, "run", without_the_file)
        report = imported(url, state.root, order=archive_first)
    assert [one["path"] for one in report["not_read"]] == ["data/automation_v2_runs.json"]

    imported(url, state.root)

    assert stored_runs(url)["a"]["detail"] == "newer"


@pytest.mark.sqlite
def test_a_file_of_two_directories_is_counted_once(
    state: StateDir, other: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was seen again by an import that was killed, then read for the other directory."""
    for each, hours in ((state, 2), (other, 3)):
        each.shard(run("a", hours=hours), month="2026/01")
        imported(url, each.root)
    for each in (state, other):
        with killed_after(monkeypatch, 1):
            imported(url, each.root, batch=1)

    for each in (other, state):
        report = imported(url, each.root)
        assert report["copies"] == 1


@pytest.mark.sqlite
def test_what_was_deleted_stays_deleted_when_a_copy_of_the_directory_is_imported(
    state: StateDir, url: str, tmp_path: Path
) -> None:
    """The same bytes at another place are nothing new: the store once held them."""
    state.shard(full_run("a"))
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        tx.runs.delete("a")
    copy = tmp_path / "copy"
    shutil.copytree(state.root, copy)

    report = imported(url, copy)

    assert (stored_runs(url), report["outcomes"]["unchanged"]) == ({}, 1)


@pytest.mark.sqlite
@pytest.mark.parametrize("commits", [1, 2, 4])
def test_a_leftover_yields_to_the_copies_of_another_directory(
    state: StateDir,
    other: StateDir,
    url: str,
    tmp_path: Path,
    commits: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was stored by an interrupted import; what its directory has besides is judged later."""
    state.leftover(run("a", hours=9, detail="never finished"))
    state.shard(run("a", hours=1))
    other.shard(run("a", hours=5, detail="best"))
    peaceful = f"sqlite:///{tmp_path / 'peaceful.db'}"
    leftovers_first = lambda files: sorted(files, key=lambda file: -file.source.rank)  # noqa: E731
    for each in (state, other):
        imported(peaceful, each.root)

    with killed_after(monkeypatch, commits):
        imported(url, state.root, batch=1, order=leftovers_first)
    imported(url, other.root)
    imported(url, state.root)

    assert stored_runs(url) == stored_runs(peaceful)
    assert stored_runs(url)["a"]["detail"] == "best"


def test_directories_imported_by_turns_and_killed_in_between_end_as_one_after_the_other(
    state: StateDir, other: StateDir, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dump does not tell, as long as no run is in both."""
    two_shards(state)
    other.shard(run("b"), month="2026/01")
    other.hot({"b": run("b", hours=9), "c": run("c")})
    state.hot({"d": run("d"), "a": run("a", hours=3)})
    peaceful = f"sqlite:///{tmp_path / 'peaceful.db'}"
    for each in (state, other):
        imported(peaceful, each.root)

    for commits in (1, 2, 3):
        for each in (state, other):
            with killed_after(monkeypatch, commits):
                imported(url, each.root, batch=1)
    for each in (other, state):
        imported(url, each.root, batch=1)

    assert dump(url) == dump(peaceful)

"""An import that was interrupted goes on, whatever happened to the source meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tandem_store import open_store
from tandem_store.importer import storing
from tandem_store.importer.reconcile import Reconciliation
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.state_directories import MONTH_MS, Json, StateDir, full_run, run, stripped
from tests.support.stored import dump, stored_runs


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture
def killed_before_settling(url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Import up to the moment when all files are read and nothing is judged."""

    def run_until_killed(root: Path) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Reconciliation, "run", killed)
            with pytest.raises(KilledError):
                imported(url, root)

    return run_until_killed


def killed(*_: object) -> None:
    """Die."""
    raise KilledError


def two_copies(state: StateDir) -> None:
    """A run whose newest copy is a shard, and one whose hot copy was stripped."""
    state.shard(run("a"), month="2026/01")
    state.shard(run("a", hours=9, detail="newer"), month="2026/02")
    full = full_run("b")
    state.shard(full)
    state.hot({"b": stripped(full, updated_at_ms=full["updated_at_ms"] + MONTH_MS)})


def test_it_ends_as_if_nothing_had_happened(
    state: StateDir, url: str, tmp_path: Path, killed_before_settling: Callable[[Path], None]
) -> None:
    """The same dump, and the store verifies."""
    two_copies(state)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    imported(other, state.root)
    killed_before_settling(state.root)

    imported(url, state.root)

    assert dump(url) == dump(other)
    assert verify_state(url, state.root).differences == []


def test_a_directory_that_was_moved_meanwhile_is_settled_too(
    state: StateDir, url: str, tmp_path: Path, killed_before_settling: Callable[[Path], None]
) -> None:
    """The interrupted import is that of the directory that is not there any more."""
    two_copies(state)
    killed_before_settling(state.root)
    moved = tmp_path / "moved"
    state.root.rename(moved)

    report = imported(url, moved)

    assert stored_runs(url)["a"]["detail"] == "newer"
    assert (report["copies"], report["outcomes"]["unchanged"]) == (4, 0)
    assert verify_state(url, moved).differences == []


def test_another_directory_does_not_go_on_with_it(
    state: StateDir, url: str, tmp_path: Path, killed_before_settling: Callable[[Path], None]
) -> None:
    """Both end as they should, one after the other."""
    two_copies(state)
    killed_before_settling(state.root)
    other = StateDir(tmp_path / "other")
    other.shard(run("c"))

    imported(url, other.root)
    imported(url, state.root)

    assert sorted(stored_runs(url)) == ["a", "b", "c"]
    assert verify_state(url, state.root).differences == []


def test_a_winner_that_is_gone_leaves_the_next_best(
    state: StateDir, url: str, killed_before_settling: Callable[[Path], None]
) -> None:
    """A file removed meanwhile must not block the import for good."""
    two_copies(state)
    killed_before_settling(state.root)
    next((state.data / "automation-runs").rglob("2026/02/a.json")).unlink()

    report = imported(url, state.root)

    assert "detail" not in stored_runs(url)["a"]
    assert report["copies"] == sum(report["outcomes"].values()) == 3


def test_a_renamed_file_is_read_under_its_new_name(
    state: StateDir, url: str, killed_before_settling: Callable[[Path], None]
) -> None:
    """Identity is the id inside, not the name."""
    two_copies(state)
    killed_before_settling(state.root)
    winner = next((state.data / "automation-runs").rglob("2026/02/a.json"))
    winner.rename(winner.with_name("z.json"))

    imported(url, state.root)

    assert stored_runs(url)["a"]["detail"] == "newer"


def test_a_copy_lost_while_it_is_judged_is_told_and_left_out(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file vanished after it was read, within one import."""
    two_copies(state)
    settle = Reconciliation.run

    def after_a_deletion(settlement: Reconciliation) -> None:
        next((state.data / "automation-runs").rglob("b.json")).unlink()
        settle(settlement)

    # So that the donor of b, which is read first otherwise, is not in the store already.
    order = lambda files: sorted(files, key=lambda file: file.source.rank)  # noqa: E731
    monkeypatch.setattr(Reconciliation, "run", after_a_deletion)

    report = imported(url, state.root, order=order)

    assert [one["path"].endswith("b.json") for one in report["not_read"]] == [True]
    assert stored_runs(url)["b"]["checkpoint"]["node_outputs"] == {}


def test_what_was_deleted_stays_deleted_after_a_kill_within_a_changed_hot_file(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going on in the middle of a file, its other copies are still known."""
    names = [f"r{number:03}" for number in range(200)]
    state.hot({name: run(name) for name in names})
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        tx.runs.delete("r199")
    state.hot({"r000": run("r000", hours=2)})
    flushes = storing.Writer.flush
    done: list[int] = []

    def killed_at_the_second(self: storing.Writer) -> None:
        done.append(1)
        if len(done) == 2:
            raise KilledError
        flushes(self)

    with monkeypatch.context() as patched:
        patched.setattr(storing.Writer, "flush", killed_at_the_second)
        with pytest.raises(KilledError):
            imported(url, state.root, batch=64)

    outcomes: Json = imported(url, state.root, batch=64)["outcomes"]

    assert "r199" not in stored_runs(url)
    assert (outcomes["imported"], outcomes["unchanged"]) == (1, 199)


def test_parts_given_by_the_store_itself_verify(state: StateDir, url: str) -> None:
    """The engine stripped the run after the first import: no file has the parts any more."""
    full = full_run("b")
    hot = state.hot({"b": full})
    imported(url, state.root)
    hot.unlink()
    state.hot({"b": stripped(full, updated_at_ms=full["updated_at_ms"] + 1)})

    imported(url, state.root)

    report = verify_state(url, state.root)
    assert stored_runs(url)["b"]["checkpoint"]["node_outputs"] != {}
    assert (report.differences, report.same) == ([], 1)


def test_discarded_items_stay_away_when_the_file_changes(state: StateDir, url: str) -> None:
    """An entry that was judged is known by its bytes, whoever it claims to be."""
    state.hot({"far": run("far", updated_at_ms=2**63), "a": run("a")})
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        tx.quarantine.discard([item.id for item in tx.quarantine.list()], now_ms=0)
    state.hot({"a": run("a", hours=3)})

    assert imported(url, state.root)["quarantined"] == []

"""Directories imported, killed, moved and unmounted in any order: the store ends with the best."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tandem_store.importer import reconcile
from tandem_store.importer.session import ImportSession
from tests.support.importing import imported
from tests.support.state_directories import Json, StateDir, run
from tests.support.stored import stored_runs

DIRECTORIES: Final = ("north", "south", "west")
RUNS: Final = ("a", "b", "c")
MONTHS: Final = ("2026/01", "2026/02")

directories = st.sampled_from(DIRECTORIES)
run_ids = st.sampled_from(RUNS)
hours = st.integers(1, 40)


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


class Directory:
    """A state directory, what each of its files holds, and where it is.

    Files are equally large, and their times count from the same moment in each directory, so that
    those of two directories look the same more often than not.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.place = folder / name
        self.files: dict[str, dict[str, int]] = {}
        self.away: Path | None = None
        self._moves = 0
        self._versions: dict[str, int] = defaultdict(int)
        (StateDir(self.place).data / "automation-runs").mkdir()

    def write(self, copies: dict[str, int], month: str | None = None) -> str:
        """Write the hot file, or a shard with the only copy; gives its path below the root."""
        state = StateDir(self.place)
        made = {run_id: content(run_id, at) for run_id, at in copies.items()}
        if month is None:
            target = state.hot(made)
        else:
            target = state.shard(next(iter(made.values())), month=month)
        path = str(target.relative_to(self.place))
        self._date(path)
        return path

    def take(self, other: Directory, path: str) -> None:
        """Copy a file of another directory, with its time if none was here before."""
        (self.place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(other.place / path, self.place / path)
        if path in self._versions:
            self._date(path)
        else:
            self._versions[path] = other._versions[path]

    def _date(self, path: str) -> None:
        self._versions[path] += 1
        seconds = self._versions[path]
        os.utime(self.place / path, (seconds, seconds))

    def unmount(self) -> None:
        """Take it away for the moment."""
        self.away = self.place.with_name(f"{self.place.name} away")
        self.place.rename(self.away)

    def mount(self) -> None:
        """Bring it back."""
        if self.away is not None:
            self.away.rename(self.place)
            self.away = None

    def rename(self) -> None:
        """Move it for good, to a place where nothing ever was."""
        self._moves += 1
        self.place = self.place.rename(self.place.with_name(f"{self.place.name}{self._moves}"))


class AnyOrder(RuleBasedStateMachine):
    """The store against a model: per run the newest copy, of those that an import could see."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._made = ExitStack()
        folder = Path(self._made.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy2(self.template, folder / "runs.db")
        self._url = f"sqlite:///{folder / 'runs.db'}"
        self._of = {name: Directory(folder, name) for name in DIRECTORIES}
        self._gone: dict[str, set[int]] = defaultdict(set)

    @initialize(times=st.lists(hours, min_size=6, max_size=6))
    def begin_with_two_shards_each(self, times: list[int]) -> None:
        """Each directory has something to judge, at the same places."""
        for name, first, second in zip(DIRECTORIES, times[::2], times[1::2], strict=True):
            self._write(name, {"a": first}, MONTHS[0])
            self._write(name, {"a": second}, MONTHS[1])

    @rule(name=directories, run_id=run_ids, at=hours, month=st.sampled_from(MONTHS))
    def write_shard(self, name: str, run_id: str, at: int, month: str) -> None:
        """The engine saves a run."""
        self._write(name, {run_id: at}, month)

    @rule(name=directories, copies=st.dictionaries(run_ids, hours, min_size=1))
    def write_hot_file(self, name: str, copies: dict[str, int]) -> None:
        """The engine saves all runs that are not finished."""
        self._write(name, copies, None)

    def _write(self, name: str, copies: dict[str, int], month: str | None) -> None:
        directory = self._of[name]
        if directory.away is None:
            path = directory.write(copies, month)
            self._forget(directory, path)
            directory.files[path] = copies

    @rule(data=st.data(), name=directories)
    def delete(self, data: st.DataObject, name: str) -> None:
        """Somebody removes a file."""
        directory = self._of[name]
        if directory.files and directory.away is None:
            path = data.draw(st.sampled_from(sorted(directory.files)))
            (directory.place / path).unlink()
            self._forget(directory, path)

    def _forget(self, directory: Directory, path: str) -> None:
        for run_id, at in directory.files.pop(path, {}).items():
            self._gone[run_id].add(at)

    @rule(data=st.data(), giver=directories, taker=directories)
    def copy_file(self, data: st.DataObject, giver: str, taker: str) -> None:
        """Somebody copies a file to another directory, as a backup does."""
        one, other = self._of[giver], self._of[taker]
        if giver != taker and one.files and one.away is None and other.away is None:
            path = data.draw(st.sampled_from(sorted(one.files)))
            other.take(one, path)
            self._forget(other, path)
            other.files[path] = dict(one.files[path])

    @rule(name=directories)
    def unmount_or_mount(self, name: str) -> None:
        """The disk goes away, or comes back."""
        directory = self._of[name]
        if directory.away is None:
            directory.unmount()
        else:
            directory.mount()

    @rule(name=directories)
    def rename(self, name: str) -> None:
        """Somebody moves a directory for good."""
        if self._of[name].away is None:
            self._of[name].rename()

    @rule(name=directories, commits=st.integers(0, 9), backwards=st.booleans())
    def import_and_kill(self, name: str, commits: int, *, backwards: bool) -> None:
        """An import dies after some transactions, or was done before."""
        if self._of[name].away is None:
            with killed_after(commits):
                self._import(name, backwards=backwards)

    @rule(name=directories, commits=st.integers(1, 3))
    def import_until_unmounted(self, name: str, commits: int) -> None:
        """The disk goes away during an import."""
        if self._of[name].away is None:
            self.import_and_kill(name, commits, backwards=False)
            self._of[name].unmount()

    @rule(name=directories)
    def import_to_the_end(self, name: str) -> None:
        """An import that nothing happens to."""
        if self._of[name].away is None:
            self._import(name)

    def _import(self, name: str, *, backwards: bool = False) -> Json:
        with mock.patch.object(reconcile, "_BATCH", 1):
            order = (lambda files: files[::-1]) if backwards else None
            return imported(self._url, self._of[name].place, batch=1, order=order)

    def teardown(self) -> None:
        """Everything is there again, and every directory is imported to the end."""
        with self._made:
            for name, directory in self._of.items():
                directory.mount()
                report = self._import(name)
                assert report["copies"] == sum(map(len, directory.files.values()))
            stored = stored_runs(self._url)
            for run_id in RUNS:
                self._check(run_id, stored.get(run_id))

    def _check(self, run_id: str, stored: Json | None) -> None:
        files = (file for one in self._of.values() for file in one.files.values())
        newest = max((file[run_id] for file in files if run_id in file), default=0)
        if stored is None:
            assert newest == 0, f"{run_id} of hour {newest} is not in the store"
            return
        at = int(stored["detail"])
        assert stored == content(run_id, at)
        # A copy that is gone may have been seen before, and then it counts.
        assert at == newest or (at > newest and at in self._gone[run_id]), (run_id, at, newest)


def content(run_id: str, at: int) -> Json:
    """The copy of a run with this time; all of one time are equal."""
    return run(run_id, hours=at, detail=f"{at:04}")


@contextmanager
def killed_after(commits: int) -> Iterator[None]:
    """Let the import in the block die once it has committed so many transactions."""
    begin: Any = ImportSession.begin
    done: list[int] = []

    @contextmanager
    def counted(session: ImportSession) -> Iterator[object]:
        if len(done) == commits:
            raise KilledError
        with begin(session) as tx:
            yield tx
        done.append(1)

    with mock.patch.object(ImportSession, "begin", counted):
        try:
            yield
        except KilledError:
            return


@pytest.mark.parametrize(
    ("examples", "steps"), [(12, 12), pytest.param(400, 30, marks=pytest.mark.slow)]
)
def test_no_run_is_lost_in_any_order(sqlite_template: Path, examples: int, steps: int) -> None:
    """Whatever was interrupted or away meanwhile, the newest copy of every run is stored."""

    class Machine(AnyOrder):
        template = sqlite_template

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

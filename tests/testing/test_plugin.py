"""The pytest plugin, as the tests of another package use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem_store import open_store
from tandem_store.records import RunRecord, RunStatus
from tandem_store.testing import sample_run
from tandem_store.testing.samples import one_of_each
from tandem_store.testing.strategies import runs
from tests.support import REPOSITORY

THEIR_TESTS = '''
    """The tests of a service."""

    from hypothesis import HealthCheck, given, settings

    from tandem_store import RunFilter
    from tandem_store.testing import sample_run
    from tandem_store.testing.strategies import runs


    def test_a_store_for_each_test(run_store):
        with run_store.begin() as tx:
            tx.runs.add(sample_run())
            assert tx.runs.count() == 1


    def test_a_store_for_each_test_again(run_store, run_store_url):
        assert run_store_url.startswith("sqlite:///")
        with run_store.read() as tx:
            assert tx.runs.count() == 0


    def test_runs_to_look_at(run_store, sample_runs):
        with run_store.read() as tx:
            failed = tx.runs.list(RunFilter(status="failed")).items
        assert [run.run_id for run in failed] == ["failed"]
        assert len(sample_runs) == 5


    @given(run=runs())
    @settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
    def test_any_run_comes_back_as_it_was(run_store, run):
        with run_store.begin() as tx:
            if not tx.runs.exists(run.run_id):
                tx.runs.add(run)
                assert tx.runs.get(run.run_id) == run
'''


@pytest.fixture
def their_package(tmp_path: Path) -> Path:
    """The tests of a package that knows nothing of ours but the plugin."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "conftest.py").write_text('pytest_plugins = ["tandem_store.testing"]\n')
    (folder / "test_theirs.py").write_text(dedent(THEIR_TESTS))
    return folder


def test_another_package_can_use_it(their_package: Path) -> None:
    """With nothing but one line in its conftest."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=their_package,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_sample_runs_are_one_in_each_state_and_sort_as_listed(store_url: str) -> None:
    """The newest created first, with ids that say what they are."""
    with open_store(store_url) as store:
        with store.begin() as tx:
            tx.runs.add_many(one_of_each())
        with store.read() as tx:
            listed = [(run.run_id, run.status) for run in tx.runs.list().items]

    assert listed == [(run.run_id, run.status) for run in one_of_each()]
    assert {run.status for run in one_of_each()} == {
        RunStatus.QUEUED,
        RunStatus.RUNNING,
        RunStatus.AWAITING_APPROVAL,
        RunStatus.COMPLETED,
        RunStatus.FAILED,
    }


def test_a_sample_run_takes_the_fields_of_a_run_alone() -> None:
    """A mistyped name is refused, by a type checker too."""
    assert sample_run("run-7", status="paused").status is RunStatus.PAUSED
    with pytest.raises(TypeError, match="Did you mean 'status'"):
        sample_run(statsu="paused")  # type: ignore[call-arg]


@pytest.mark.sqlite
@given(batch=st.lists(runs(), max_size=3, unique_by=lambda run: run.run_id))
@settings(max_examples=30)
def test_every_run_that_is_drawn_can_be_stored_and_comes_back(
    lasting_url: str, batch: list[RunRecord]
) -> None:
    """Unchanged, with all that the engine wrote."""
    with open_store(lasting_url) as store:
        with store.begin() as tx:
            new = [run for run in batch if not tx.runs.exists(run.run_id)]
            tx.runs.add_many(new)
        with store.read() as tx:
            assert [tx.runs.get(run.run_id) for run in new] == new


@given(run=runs(status=st.just("failed")))
@settings(max_examples=20)
def test_fields_can_be_fixed(run: RunRecord) -> None:
    """The rest is still drawn."""
    assert run.status is RunStatus.FAILED

"""Files that a wrong clock dates beyond what the ledger holds, or before there were times."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tandem_store.importer import ImportOptions, import_state
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.state_directories import StateDir, context_state, run
from tests.support.stored import scalar, stored_runs

odd_times = pytest.mark.parametrize("at_ns", [10**19, -(10**19), -1], ids=["2286", "1653", "1969"])


def _dated(path: Path, at_ns: int) -> None:
    os.utime(path, ns=(at_ns, at_ns))
    kept = path.stat().st_mtime_ns
    if abs(kept - at_ns) >= 10**9 and kept != -(2**31) * 10**9:  # ext4 begins in 1901
        pytest.skip("this file system has no such times")


def _state(state: StateDir, at_ns: int) -> None:
    """A file of each kind, two of them with runs that have no time but that of their file."""
    timeless = context_state("timeless")
    del timeless["created_at_ms"], timeless["updated_at_ms"]
    damaged = {"run_id": "damaged", "automation_id": "auto-1"}
    for path in (
        state.shard(run("whole")),
        state.hot({"damaged": damaged}),
        state.context(timeless),
    ):
        _dated(path, at_ns)


@odd_times
def test_a_file_with_an_odd_time_is_imported_and_known_again(
    state: StateDir, url: str, at_ns: int
) -> None:
    """It ends no import, the second one finds nothing new, and it verifies."""
    _state(state, at_ns)

    first = imported(url, state.root)
    second = imported(url, state.root)

    assert sorted(stored_runs(url)) == ["damaged", "timeless", "whole"]
    assert first["not_read"] == []
    assert (second["outcomes"]["unchanged"], second["copies"]) == (3, 3)
    assert verify_state(url, state.root).differences == []


@odd_times
def test_a_run_without_a_time_is_not_dated_before_1970(
    state: StateDir, url: str, at_ns: int
) -> None:
    """The engine's times are not negative."""
    _state(state, at_ns)

    imported(url, state.root)

    times = [one["updated_at_ms"] for one in stored_runs(url).values()]
    assert min(times) >= 0


def test_a_change_is_seen_whatever_the_time_says(state: StateDir, url: str) -> None:
    """Two states of one size whose times the ledger cannot tell apart differ in content."""
    shard = state.shard(run("whole", detail="one"))
    _dated(shard, 10**19)
    imported(url, state.root)
    later = run("whole", detail="two")
    later["updated_at_ms"] += 1
    state.shard(later)
    _dated(shard, 10**19 + 1)

    import_state(url, state.root, ImportOptions())

    assert stored_runs(url)["whole"]["detail"] == "two"
    assert scalar(url, "SELECT count(*) FROM import_files") == 1

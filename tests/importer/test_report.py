"""What the report tells beside the outcomes: wrong clocks, old quarantine, folders not read."""

from __future__ import annotations

import logging
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tandem_store import open_store
from tandem_store.importer import report as reports
from tandem_store.release import installed_release
from tests.support.importing import imported
from tests.support.state_directories import StateDir, damaged, run
from tests.support.stored import scalar

YEAR_MS = 365 * 24 * 3_600_000


def test_runs_dated_in_the_future_are_named_at_every_import(state: StateDir, url: str) -> None:
    """More than a day ahead of this clock, by creation or update; a second import says it too."""
    now_ms = time.time_ns() // 1_000_000
    state.shard(run("ahead", updated_at_ms=now_ms + YEAR_MS))
    state.shard(run("made ahead", created_at_ms=now_ms + 2 * YEAR_MS))
    state.shard(run("hours ahead", updated_at_ms=now_ms + 3_600_000))

    twice = [imported(url, state.root) for _ in range(2)]

    for told in twice:
        assert [one["run_id"] for one in told["future"]] == ["ahead", "made ahead"]
        assert told["future"][0]["at_ms"] == now_ms + YEAR_MS
        assert told["future"][0]["month"] in told["months"]
        assert told["future_count"] == 2


@pytest.mark.sqlite
def test_runs_of_other_directories_are_not_named(state: StateDir, url: str, tmp_path: Path) -> None:
    """The report is about the source that was given."""
    state.shard(run("ahead", updated_at_ms=time.time_ns() // 1_000_000 + YEAR_MS))
    other = StateDir(tmp_path / "other")
    other.shard(run("b"))
    imported(url, state.root)

    assert imported(url, other.root)["future_count"] == 0


@pytest.mark.sqlite
def test_a_long_list_is_cut_and_counted(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source whose clock was always wrong does not fill the memory."""
    monkeypatch.setattr(reports, "_LONGEST_LIST", 2)
    ahead_ms = time.time_ns() // 1_000_000 + YEAR_MS
    state.hot({name: run(name, updated_at_ms=ahead_ms) for name in "abc"})

    told = imported(url, state.root)

    assert ([one["run_id"] for one in told["future"]], told["future_count"]) == (["a", "b"], 3)


def test_a_second_import_tells_which_unchanged_copies_are_in_quarantine(
    state: StateDir, url: str
) -> None:
    """For each source and in all, without discarded ones; the outcomes stay as they are."""
    state.hot({"a": run("a"), "bad": damaged("bad")})
    state.shard(damaged("x"))
    state.shard(damaged("y"))

    first, second = (imported(url, state.root) for _ in range(2))

    assert first["unchanged_in_quarantine"] == 0
    assert second["unchanged_in_quarantine"] == len(second["quarantined"]) == 3
    by_source = {one["source"]: one["unchanged_in_quarantine"] for one in second["sources"]}
    assert by_source == {"hot": 1, "shard": 2}
    assert second["outcomes"]["unchanged"] == second["copies"] == 4

    with open_store(url) as store, store.begin() as tx:
        tx.quarantine.discard([tx.quarantine.list()[0].id], now_ms=0)
    assert imported(url, state.root)["unchanged_in_quarantine"] == 2


@pytest.mark.sqlite
def test_what_was_not_read_is_a_file_or_a_folder(state: StateDir, url: str, tmp_path: Path) -> None:
    """Nobody knows how many runs a folder holds."""
    outside = tmp_path / "outside"
    outside.mkdir()
    hot = outside / "hot.json"
    hot.write_bytes(b"{}")
    state.shard(run("a"))
    (state.data / "automation-runs" / "elsewhere").symlink_to(outside)
    (state.data / "context-runs").mkdir()
    (state.data / "context-runs" / "hot").symlink_to(outside)
    (state.data / "automation_v2_runs.json").symlink_to(hot)

    told = {one["path"]: one["kind"] for one in imported(url, state.root)["not_read"]}

    assert told == {
        "data/automation-runs/elsewhere": "folder",
        "data/context-runs/hot": "folder",
        "data/automation_v2_runs.json": "file",
    }


@pytest.mark.sqlite
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permission_is_a_folder(state: StateDir, url: str) -> None:
    """Though nobody may look into it."""
    shard = state.shard(run("a"))
    shard.parent.chmod(0)
    told = imported(url, state.root)["not_read"]
    shard.parent.chmod(0o700)

    assert [one["kind"] for one in told] == ["folder"]


@pytest.mark.sqlite
def test_the_phases_of_an_import_are_logged(
    state: StateDir, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At INFO, by the modules' own loggers: begun, months made, read, settling, done."""
    state.shard(run("a"))
    state.hot({"a": run("a", hours=2)})

    with caplog.at_level(logging.INFO, logger="tandem_store.importer"):
        imported(url, state.root)

    said = [
        (record.name.rpartition(".")[2], record.message.split()[0]) for record in caplog.records
    ]
    phases = [
        ("job", "importing"),
        ("session", "made"),
        ("job", "read"),
        ("reconcile", "reconciling"),
    ]
    assert said == [*phases, ("job", "done")]
    assert str(state.root) in caplog.text


@pytest.mark.sqlite
def test_a_checkout_that_was_never_installed_can_import(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its imports are noted as those of an unknown release."""

    def missing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    state.shard(run("a"))
    monkeypatch.setattr(metadata, "version", missing)
    installed_release.cache_clear()

    imported(url, state.root)

    installed_release.cache_clear()

    assert scalar(url, "SELECT tool_version FROM imports") == "0+unknown"

"""What the rules leave to the importer: other engines' databases, odd clocks, files that move."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tandem_store import open_store, tables
from tandem_store.cli import exits
from tandem_store.database.locks.jobs import import_lock
from tandem_store.errors import StoreLockedError
from tandem_store.importer import (
    ImportOptions,
    ManyMonthsError,
    file_snapshot,
    import_state,
    parsing,
    retry_quarantined,
)
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.program import process
from tests.support.state_directories import StateDir, corrupt_stub, pretty, run
from tests.support.stored import dump, scalar, stored_runs


def test_runs_newer_in_the_engine_s_database_are_named(state: StateDir, url: str) -> None:
    """The later engine trusts its database; the files may lag."""
    state.shard(run("old"))
    state.shard(run("same"))
    times = {"old": run("old")["updated_at_ms"] + 1, "same": run("same")["updated_at_ms"]}
    make_engine_database(state, {**times, "alone": 1})

    report = import_state(url, state.root, ImportOptions())

    assert report.newer_in_engine_db == ["alone", "old"]
    assert exits.of_import(report) == 3
    assert sorted(path.name for path in state.data.glob("stateful*")) == [
        "stateful_runtime.sqlite3"
    ]


def test_an_engine_database_that_cannot_be_read_is_told(state: StateDir, url: str) -> None:
    """Silence would mean that nothing in it is newer."""
    state.shard(run("a"))
    (state.data / "stateful_runtime.sqlite3").write_bytes(b"encrypted" * 99)

    report = import_state(url, state.root, ImportOptions())

    assert [one.path for one in report.not_read] == ["stateful_runtime.sqlite3"]
    assert exits.of_import(report) == 3


def test_more_than_600_months_are_asked_for(state: StateDir, url: str) -> None:
    """Wrong clocks make months; a table for each would be made only on purpose."""
    month_ms = 31 * 86_400_000
    times = [{"created_at_ms": 0, "updated_at_ms": at * month_ms} for at in range(601)]
    state.hot({f"r{at}": run(f"r{at}", **dated) for at, dated in enumerate(times)})

    with pytest.raises(ManyMonthsError, match="--yes"):
        imported(url, state.root)

    assert imported(url, state.root, confirm_months=True)["runs"] == 601


def test_a_file_that_keeps_changing_is_named_and_the_others_are_imported(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read three times, then left to the operator."""
    state.shard(run("calm"))
    hot = state.hot({"busy": run("busy")})
    content = file_snapshot._content

    def rewritten(*arguments: Any) -> Any:
        taken = content(*arguments)
        hot.write_bytes(hot.read_bytes() + b" ")
        return taken

    monkeypatch.setattr(file_snapshot, "_content", rewritten)

    report = import_state(url, state.root, ImportOptions())

    assert [one.path for one in report.not_read] == ["data/automation_v2_runs.json"]
    assert "3 times" in report.not_read[0].reason
    assert list(stored_runs(url)) == ["calm"]
    assert exits.of_import(report) == 3


def test_two_importers_do_not_work_at_once(state: StateDir, url: str) -> None:
    """The second is told at once, with exit code 6."""
    state.shard(run("a"))
    imported(url, state.root)

    with import_lock(url):
        with pytest.raises(StoreLockedError):
            imported(url, state.root)
        assert process("--db", url, "import", str(state.root)).returncode == 6


def test_a_directory_that_was_moved_is_known_again(
    state: StateDir, url: str, tmp_path: Path
) -> None:
    """Nothing is judged again, so what was deleted does not come back."""
    state.shard(run("a"))
    state.hot({"b": run("b")})
    imported(url, state.root)
    before = dump(url)
    moved = tmp_path / "moved"
    state.root.rename(moved)

    report = imported(url, moved)

    assert (report["outcomes"]["unchanged"], report["copies"]) == (2, 2)
    assert dump(url) == before


def test_two_directories_with_the_same_paths_are_told_apart(url: str, tmp_path: Path) -> None:
    """Their hot files have one relative path and one time of change, but not one content."""
    one, other = StateDir(tmp_path / "one"), StateDir(tmp_path / "other")
    for directory, run_id in ((one, "a"), (other, "b")):
        os.utime(directory.hot({run_id: run(run_id)}), ns=(0, 0))

    imported(url, one.root)
    imported(url, other.root)

    assert sorted(stored_runs(url)) == ["a", "b"]
    assert imported(url, one.root)["outcomes"]["unchanged"] == 1


def test_retrying_imports_what_can_be_read_now(state: StateDir, url: str) -> None:
    """Bytes that a later version, or a repaired rule, understands."""
    state.shard(run("a"))
    state.shard(run("b")).write_bytes(b"{")
    imported(url, state.root)
    understood = pretty({"schema_version": 1, "run": run("b")})
    replace_kept_bytes(url, understood)

    report = retry_quarantined(url, [1])

    assert [item.message for item in report.items] == ["imported"]
    assert sorted(stored_runs(url)) == ["a", "b"]
    assert scalar(url, "SELECT count(*) FROM quarantine WHERE discarded_at_ms IS NULL") == 0


def test_retrying_what_still_is_damaged_changes_nothing(state: StateDir, url: str) -> None:
    """The item stays, with the reason."""
    state.shard(run("b")).write_bytes(b"{")
    imported(url, state.root)
    before = dump(url)

    report = retry_quarantined(url, [1])

    assert (report.items[0].resolved, exits.of_retry(report)) == (False, 3)
    assert dump(url) == before


def test_a_stub_left_out_by_strict_can_be_taken_later(state: StateDir, url: str) -> None:
    """Retrying is the way to take what strict refused, and the store verifies afterwards."""
    state.shard(corrupt_stub("s"))
    assert imported(url, state.root, strict=True)["outcomes"]["quarantined"] == 1

    assert exits.of_retry(retry_quarantined(url, [1])) == 0

    assert list(stored_runs(url)) == ["s"]
    assert verify_state(url, state.root).differences == []


def test_an_import_cannot_be_resumed_in_another_mode(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it would have been judged by other rules."""
    from tandem_store.errors import StoreError
    from tandem_store.importer.reconcile import Reconciliation

    state.shard(run("a"))
    monkeypatch.setattr(
        Reconciliation, "run", lambda _self: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        imported(url, state.root)
    monkeypatch.undo()

    with pytest.raises(StoreError, match="without --strict"):
        imported(url, state.root, strict=True)
    assert imported(url, state.root)["outcomes"]["imported"] == 1


def make_engine_database(state: StateDir, times: dict[str, int]) -> None:
    """The later engine's database, with these runs."""
    connection = sqlite3.connect(state.data / "stateful_runtime.sqlite3")
    with connection:
        connection.execute(
            "CREATE TABLE automation_runs (run_id TEXT, automation_id TEXT, status TEXT,"
            " updated_at_ms INTEGER, run_json BLOB)"
        )
        rows = [(run_id, "a", "completed", at, b"") for run_id, at in times.items()]
        connection.executemany("INSERT INTO automation_runs VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()


def replace_kept_bytes(url: str, raw: bytes) -> None:
    """As if the program had learned to read what it kept."""
    with open_store(url) as store, store.begin() as tx:
        tx.connection.execute(update(tables.quarantine).values(raw=raw, encoding="json"))


def test_bytes_too_many_to_keep_are_read_from_the_source_again(
    state: StateDir, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the source is there, and unchanged."""
    monkeypatch.setattr(parsing, "LARGEST_KEPT", 10)
    shard = state.shard(run("b"))
    shard.write_bytes(shard.read_bytes()[:-1])
    imported(url, state.root)
    monkeypatch.undo()

    assert scalar(url, "SELECT raw IS NULL AND kept_in_source FROM quarantine") == 1
    (still_damaged,) = retry_quarantined(url, [1]).items
    shard.unlink()
    (gone,) = retry_quarantined(url, [1]).items

    assert still_damaged.message.startswith("still ")
    assert "not in the source" in gone.message


@pytest.mark.parametrize("text", ["null", '{"schema_version": 1, "run": null}'])
def test_a_shard_that_holds_nothing_is_quarantined(state: StateDir, url: str, text: str) -> None:
    """Whatever may have held a run ends in the ledger."""
    state.shard(run("one")).write_text(text)

    report = imported(url, state.root)

    assert [item["reason"] for item in report["quarantined"]] == ["damaged"]

"""The later engine's database is a stranger's file: one table of it is read, within bounds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tandem_store.cli import exits
from tandem_store.importer import ImportOptions, import_state, newer_engine
from tandem_store.importer.report import ImportReport
from tests.support.databases import NewStore
from tests.support.state_directories import StateDir, run

pytestmark = pytest.mark.sqlite

_NAME = "stateful_runtime.sqlite3"
_ENDLESS = (
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'r' || i AS run_id, i AS updated_at_ms FROM n"
)
_COLUMNS = "run_id TEXT, updated_at_ms INTEGER"


@pytest.fixture
def read(state: StateDir, new_store: NewStore) -> Callable[..., ImportReport]:
    """Import a state whose engine database was made by these statements."""

    def imported(*statements: str, folder: Path = state.data) -> ImportReport:
        state.shard(run("a"))
        connection = sqlite3.connect(folder / _NAME)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return import_state(new_store(), state.root, ImportOptions())

    return imported


def _why(report: ImportReport) -> str:
    """The reason why the database alone was not read; what else there was is imported."""
    assert exits.of_import(report) == 3
    assert report.runs == 1
    assert report.newer_in_engine_db == []
    (passed,) = report.not_read
    assert passed.path.endswith(_NAME)
    return passed.reason


@pytest.mark.parametrize(
    "statements",
    [
        [f"CREATE VIEW automation_runs AS {_ENDLESS}"],
        [f"CREATE VIEW Automation_Runs AS {_ENDLESS}"],
        ["CREATE VIRTUAL TABLE automation_runs USING fts5(run_id, updated_at_ms)"],
    ],
)
def test_a_view_or_virtual_table_is_not_read(
    read: Callable[..., ImportReport], statements: list[str]
) -> None:
    """It may have no end."""
    assert "views and virtual tables are not read" in _why(read(*statements))


@pytest.mark.parametrize(
    "columns",
    ["run_id TEXT AS (hex(zeroblob(99999999))), updated_at_ms INTEGER", "run_id TEXT", "x TEXT"],
)
def test_a_table_with_other_columns_is_not_read(
    read: Callable[..., ImportReport], columns: str
) -> None:
    """A computed column runs what its author wrote."""
    assert "missing, or computed" in _why(read(f"CREATE TABLE automation_runs ({columns})"))


def test_no_more_rows_are_read_than_there_can_be(
    read: Callable[..., ImportReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their ids are held in memory."""
    monkeypatch.setattr(newer_engine, "MOST_ROWS", 10)
    rows = ", ".join(f"('r{at}', {at})" for at in range(11))
    filled = f"INSERT INTO automation_runs VALUES {rows}"

    report = read(f"CREATE TABLE automation_runs ({_COLUMNS})", filled)

    assert "more than 10 rows" in _why(report)


def test_a_reading_that_does_not_end_is_given_up(
    read: Callable[..., ImportReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever makes it long."""
    monkeypatch.setattr(newer_engine, "MOST_STEPS", 100)
    monkeypatch.setattr(newer_engine, "_STEPS_AT_ONCE", 100)
    rows = ", ".join(f"('r{at}', {at})" for at in range(200))
    filled = f"INSERT INTO automation_runs VALUES {rows}"

    report = read(f"CREATE TABLE automation_runs ({_COLUMNS})", filled)

    assert "interrupted" in _why(report)


def test_an_id_of_megabytes_is_not_read(read: Callable[..., ImportReport]) -> None:
    """A whole run in its row is passed over, however long."""
    table = f"CREATE TABLE automation_runs ({_COLUMNS}, run_json BLOB)"
    long = "INSERT INTO automation_runs VALUES (hex(zeroblob(2000000)), 1, NULL)"
    whole = "INSERT INTO automation_runs VALUES ('b', 1, zeroblob(20000000))"

    assert "too big" in _why(read(table, long))
    assert read("DELETE FROM automation_runs", whole).newer_in_engine_db == ["b"]


def test_a_database_larger_than_is_copied_is_not_read(
    read: Callable[..., ImportReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy would fill the disk."""
    monkeypatch.setattr(newer_engine, "LARGEST_DATABASE", 100)

    report = read(f"CREATE TABLE automation_runs ({_COLUMNS})")

    assert "at most 100 are read" in _why(report)


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_link_out_of_the_root_is_followed_only_when_admitted(
    suffix: str,
    read: Callable[..., ImportReport],
    state: StateDir,
    tmp_path: Path,
    new_store: NewStore,
) -> None:
    """Neither the database nor its log."""
    outside, linked = tmp_path / "outside", state.data / (_NAME + suffix)
    outside.mkdir()
    table = f"CREATE TABLE automation_runs ({_COLUMNS})"
    folder = state.data if suffix else outside
    read(table, "INSERT INTO automation_runs VALUES ('b', 1)", folder=folder)
    (outside / linked.name).touch()
    linked.symlink_to(outside / linked.name)

    refused = import_state(new_store(), state.root, ImportOptions())
    admitted = import_state(new_store(), state.root, ImportOptions(allow_roots=(outside,)))

    assert [one.path for one in refused.not_read] == [f"data/{_NAME}{suffix}"]
    assert "--allow-root" in refused.not_read[0].reason
    assert (refused.newer_in_engine_db, admitted.newer_in_engine_db) == ([], ["b"])
    assert admitted.not_read == []

"""Runs are found by the beginning of their ids, and said to be elsewhere if they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tandem_store import RunRecord, Store
from tandem_store.cli.run_ids import shorten
from tests.support.legacy_runs import checkpoint, context_stub, damaged, full_run
from tests.support.state_directories import StateDir

Cli = Callable[..., Result]
Add = Callable[..., RunRecord]

ONE = "automation-v2-run-7815de76-9a82-d52b-d32c-a3b059f0dd4f"
TWO = "automation-v2-run-7815aaaa-301e-636f-5957-ba6ebf144c6a"


@pytest.mark.parametrize(
    "given", [ONE, "7815de76", "7815d", "automation-v2-run-7815d", "run-7815d", ONE[18:]]
)
def test_a_unique_beginning_is_enough(cli: Cli, add: Add, given: str) -> None:
    """With the engine's prefix, a part of it, or none; wherever an id is asked for."""
    add(ONE, checkpoint=checkpoint(node_outputs={"draft": "text"}))
    add(TWO)

    assert json.loads(cli("runs", "show", given, "--json").stdout)["run_id"] == ONE
    assert json.loads(cli("runs", "show", given, "--origin", "--json").stdout)["run_id"] == ONE
    assert cli("runs", "show", given, "--node", "draft").stdout == "text\n"


def test_an_exact_id_wins(cli: Cli, add: Add) -> None:
    """Others that begin so do not make it ambiguous."""
    for run_id in ("", "7815", "7815-2", ONE):
        add(run_id)

    assert json.loads(cli("runs", "show", "7815", "--json").stdout)["run_id"] == "7815"
    assert json.loads(cli("runs", "show", "", "--json").stdout)["run_id"] == ""


def test_an_ambiguous_beginning_lists_what_it_may_mean(cli: Cli, add: Add) -> None:
    """Ten at most; none of them is chosen."""
    for n in range(12):
        add(f"automation-v2-run-7815{n:04}-301e-636f-5957-ba6ebf144c6a")

    done = cli("runs", "show", "7815")

    assert done.exit_code == 1
    assert done.stderr.count("\n  automation-v2-run-7815") == 10
    assert "... and more" in done.stderr
    assert done.stdout == ""


def test_a_wildcard_is_no_wildcard(cli: Cli, add: Add) -> None:
    """Signs that SQL takes for any text, and the other case, are meant as they stand."""
    add("abc")

    for given in ("a%", "_bc", "ABC", "a*"):
        assert cli("runs", "show", given).exit_code == 1


def test_a_run_in_quarantine_is_said_to_be_there(cli: Cli, tmp_path: Path) -> None:
    """A damaged file by its name; the command shows the item."""
    state = StateDir(tmp_path / "state")
    state.shard(damaged(ONE))
    state.shard(full_run(TWO))
    cli("import", str(state.root), "--jobs", "1")
    item = json.loads(cli("quarantine", "list", "--json").stdout)["items"][0]["id"]

    for given in (ONE, "7815de76"):
        done = cli("runs", "show", given)
        assert done.exit_code == 1
        assert f"it is in quarantine as item {item}" in done.stderr
        assert f"tandem-store quarantine show {item}" in done.stderr

    cli("quarantine", "discard", str(item), "--yes")
    told = cli("runs", "show", "7815de76").stderr
    assert f"it was discarded from quarantine, where it was item {item}" in told


@pytest.mark.parametrize("given", ["gone", "automation-v2-run-gone"])
def test_a_run_that_only_the_ledger_knows_is_said_to_have_been_read(
    cli: Cli, store: Store, tmp_path: Path, given: str
) -> None:
    """From where, and what became of it."""
    state = StateDir(tmp_path / "state")
    state.shard(full_run("automation-v2-run-gone"))
    state.shard(context_stub("open", status="running"))
    cli("import", str(state.root), "--jobs", "1")
    with store.begin() as tx:
        tx.runs.delete("automation-v2-run-gone")

    deleted, skipped = cli("runs", "show", given), cli("runs", "show", "open")

    assert "the import read it from data/automation-runs/" in deleted.stderr
    assert "it was deleted since" in deleted.stderr
    assert "the copy was skipped (non_terminal_context_run)" in skipped.stderr


def test_ids_are_cut_as_far_as_they_are_told_apart() -> None:
    """UUIDs of the engine only; what it did not name is not cut."""
    near = ONE[:-1] + "0"

    assert shorten([ONE, TWO, "weekly-report-of-may"]) == {
        ONE: "7815de76",
        TWO: "7815aaaa",
        "weekly-report-of-may": "weekly-report-of-may",
    }
    assert shorten([ONE, near]) == {ONE: ONE[18:], near: near[18:]}

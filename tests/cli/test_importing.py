"""The import and the verification as a person sees them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tandem_store.database.urls import shown
from tests.support.legacy_runs import damaged, full_run
from tests.support.state_directories import StateDir

Cli = Callable[..., Result]


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """A state directory with two clean runs, one of them twice, and one that is damaged."""
    made = StateDir(tmp_path / "a state")
    made.shard(full_run("one"))
    made.shard(full_run("two", hours=2_000))
    made.shard(damaged("three"))
    made.hot({"one": full_run("one")})
    return made


def test_the_summary_accounts_for_every_copy(cli: Cli, state: StateDir) -> None:
    """Per source and per month, copies read are the sum of the outcomes; the rest is by name."""
    done = cli("import", str(state.root), "--jobs", "1", "--months")

    assert done.exit_code == 3
    assert "Stop the engine" in done.stderr
    tables = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines() if line]
    counted = [row for row in tables if row[0] in {"hot", "shard", "total"}]
    assert [row[0] for row in counted] == ["hot", "shard", "total"]
    for row in counted:
        assert int(row[3]) == sum(map(int, row[4:]))
    months = [row for row in tables if re.fullmatch(r"\d{4}-\d{2}|unknown", row[0])]
    assert sum(int(row[1]) for row in months) == 4
    for row in months:
        assert int(row[1]) == sum(map(int, row[2:]))
    assert "In quarantine: 1" in done.stdout
    assert "2 runs in 2 months" in done.stdout


def test_the_summary_ends_with_the_next_command(cli: Cli, state: StateDir, store_url: str) -> None:
    """It can be pasted into a shell as it stands."""
    done = cli("--db", store_url, "import", str(state.root), "--jobs", "1")

    command = shlex.join(["tandem-store", "--db", shown(store_url), "verify", str(state.root)])
    assert command in done.stdout


def test_a_dry_run_says_what_would_be(cli: Cli, state: StateDir) -> None:
    """Nobody shall believe that it is done."""
    done = cli("import", str(state.root), "--jobs", "1", "--dry-run")

    assert "would hold 2 runs" in done.stdout
    assert "now holds" not in done.stdout


def test_json_is_alone_on_stdout(cli: Cli, state: StateDir) -> None:
    """The plan goes to stderr; the report has the documented keys."""
    done = cli("import", str(state.root), "--jobs", "1", "--json")

    report = json.loads(done.stdout)
    assert {"copies", "outcomes", "runs", "months", "sources", "quarantined"} <= report.keys()
    assert {"stubs", "partial", "seconds", "dry_run"} <= report.keys()
    assert report["copies"] == sum(report["outcomes"].values()) == 4


def test_a_run_tells_where_it_came_from(cli: Cli, state: StateDir) -> None:
    """Each copy with its place and its fate."""
    cli("import", str(state.root), "--jobs", "1")

    items = json.loads(cli("runs", "show", "one", "--origin", "--json").stdout)["items"]

    assert {(item["source"], item["outcome"]) for item in items} == {
        ("hot", "imported"),
        ("shard", "superseded"),
    }
    assert "superseded" in cli("runs", "show", "one", "--origin").stdout


def test_verification_ends_with_4_on_a_difference(cli: Cli, state: StateDir) -> None:
    """It names the run and the file; without a difference it ends with 0."""
    shard = state.shard(full_run("one"))
    (state.root / "data/automation_v2_runs.json").unlink()
    for path in state.root.rglob("*three*"):
        path.unlink()
    cli("import", str(state.root), "--jobs", "1")
    same = cli("verify", str(state.root), "--jobs", "1")
    shard.write_bytes(shard.read_bytes().replace(b"draft of one", b"draft of two"))

    done = cli("verify", str(state.root), "--jobs", "1")

    assert (same.exit_code, done.exit_code) == (0, 4)
    assert "2 copies checked: 2 same" in same.stdout
    assert re.search(r"^  one$", done.stdout, re.MULTILINE)
    assert "node_outputs" in done.stdout

"""The commands and the code of docs/operations.md run, in the order of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tandem_store import open_store
from tandem_store.cli.program import program
from tandem_store.month import Month
from tests.docs.pages import DOCS, commands, snippets, words
from tests.support.legacy_runs import definition
from tests.support.run_records import add_all, new_run

pytestmark = pytest.mark.sqlite

_PAGE = DOCS / "operations.md"
#: 2024-01-10T00:00:00Z, and the days of a month.
_JANUARY_MS, _MONTH_MS = 1_704_844_800_000, 30 * 86_400_000
#: The runs that the page names.
_HELD, _ASKED_FOR = "8e0a5b1c-held", "5d4f3e2a-forgotten"


def fill(url: str) -> None:
    """Two years of runs, of which one month has what the page holds."""
    runs = []
    for month in (*range(6), 20, 21, 22):
        at = _JANUARY_MS + month * _MONTH_MS
        times = {"created_at_ms": at, "updated_at_ms": at, "finished_at_ms": at}
        runs.append(new_run(f"run-{month}", automation_snapshot=definition("shared"), **times))
        if month == 4:
            runs.append(new_run(_ASKED_FOR, **times))
        if month == 22:
            runs.append(new_run(_HELD, **times))
            runs.append(new_run("billed", automation_id="auto-billing", **times))
    with open_store(url) as store:
        add_all(store, runs)


def test_its_commands_and_its_snippet_run(
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a store of that name; only the months that are held say that they stay."""
    monkeypatch.chdir(tmp_path)
    Path("store.db").rename("runs.db")
    Path("backups").mkdir()
    fill("runs.db")

    environment = {"TANDEM_STORE_URL": "runs.db"}
    for line in (lines := commands(_PAGE)):
        done = CliRunner().invoke(program, words(line), env=environment)
        blocked = "retain --keep" in line
        assert done.exit_code == (3 if blocked else 0), (line, done.output)
        assert not blocked or "The month 2025-10 has 2 held runs" in done.stdout
    (snippet,) = snippets(_PAGE)
    exec(snippet, {})

    assert len(lines) == 29
    assert capsys.readouterr().out == "1 2024-06.tandem\nTrue\n"
    with open_store("runs.db") as store, store.read() as tx:
        states = {one.month: one.state for one in tx.months.in_use()}
        assert (states[Month(2024, 5)], states[Month(2025, 10)]) == ("detached", "attached")
        assert Month(2024, 2) not in states
        assert sum(one.runs for one in tx.runs.stats()) == 12

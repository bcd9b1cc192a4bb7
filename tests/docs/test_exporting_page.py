"""The commands and the code of docs/exporting.md run, in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tandem_store import open_store
from tandem_store.exporter import Limit
from tests.docs.pages import DOCS, commands, snippets, words
from tests.support.program import command
from tests.support.run_records import new_run

pytestmark = pytest.mark.sqlite

_PAGE = DOCS / "exporting.md"


def test_its_commands_and_its_snippet_run(
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a store of that name."""
    monkeypatch.chdir(tmp_path)
    Path("store.db").rename("runs.db")
    with open_store("runs.db") as store, store.begin() as tx:
        tx.runs.add_many([new_run("a", status="failed"), new_run("b")])

    for line in (lines := commands(_PAGE)):
        done = command(*words(line))
        assert done.exit_code == 0, (line, done.stderr)
    (snippet,) = snippets(_PAGE)
    exec(snippet, {})

    assert len(lines) == 5
    assert capsys.readouterr().out == "1\n"
    assert Path("by-python.csv").read_text().splitlines()[1].startswith("a,2026-05-20T")
    assert {path.name for path in Path("history").iterdir()} == {"runs", "node_outputs"}
    assert Path("state/data/automation_v2_runs.json").exists()


def test_every_limit_is_explained() -> None:
    """By the word that the report has."""
    named = re.findall(r"^\| `(\w+)` \|", _PAGE.read_text(), re.MULTILINE)

    assert {limit.value for limit in Limit} <= set(named)

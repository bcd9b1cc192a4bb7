"""The commands and the code of docs/operations/backup.md run, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tandem_store import open_store
from tests.docs.pages import DOCS, snippets
from tests.support.program import command
from tests.support.run_records import new_run
from tests.support.stored import dump

pytestmark = pytest.mark.sqlite

_PAGE = DOCS / "operations" / "backup.md"


def test_its_commands_and_its_snippet_run(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a store of that name."""
    monkeypatch.chdir(tmp_path)
    Path("store.db").rename("runs.db")
    with open_store("runs.db") as store, store.begin() as tx:
        tx.runs.add(new_run("r"))
    lines = re.findall(r"^    (mkdir|tandem-store) (.+)$", _PAGE.read_text(), re.MULTILINE)

    for program, words in lines:
        if program == "mkdir":
            Path(words).mkdir()
        else:
            done = command(*shlex.split(words))
            assert done.exit_code == 0, (words, done.stderr)
    (snippet,) = snippets(_PAGE)
    exec(snippet, {})

    assert len(lines) == 6
    assert dump("restored.db") == dump("again.db") == dump("runs.db") != b""

"""What ``docs/backup.md`` shows is so, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tandem_store import open_store
from tests.support import REPOSITORY
from tests.support.program import command
from tests.support.run_records import new_run
from tests.support.stored import dump

pytestmark = pytest.mark.sqlite

_TEXT = (REPOSITORY / "docs" / "backup.md").read_text()


def test_its_commands_and_its_snippet_run(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a store of that name."""
    monkeypatch.chdir(tmp_path)
    Path("store.db").rename("runs.db")
    with open_store("runs.db") as store, store.begin() as tx:
        tx.runs.add(new_run("r"))
    lines = re.findall(r"^    (mkdir|tandem-store) (.+)$", _TEXT, re.MULTILINE)

    for program, words in lines:
        if program == "mkdir":
            Path(words).mkdir()
        else:
            done = command(*shlex.split(words))
            assert done.exit_code == 0, (words, done.stderr)
    (snippet,) = re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL)
    exec(snippet, {})

    assert len(lines) == 6
    assert dump("restored.db") == dump("again.db") == dump("runs.db") != b""

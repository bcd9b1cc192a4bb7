"""The commands and the code of docs/questions.md run on the sample, in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tandem_store import RunFilter, open_store
from tandem_store.records import RunGroup, WaitsFor
from tests.docs.pages import DOCS, commands, snippets, words
from tests.support import REPOSITORY
from tests.support.program import command

pytestmark = pytest.mark.sqlite

_PAGE: Final = DOCS / "questions.md"
_TEXT: Final = _PAGE.read_text()
_ROWS: Final = re.findall(r"^\| .+? \| (?:`([a-z].+?)`)? \| `(.*tx\..+)` \|$", _TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current folder of a reader, with the sample in a store of the page's name."""
    folder = tmp_path_factory.mktemp("questions")
    url = str(folder / "runs.db")
    assert command("--db", url, "import", str(REPOSITORY / "examples" / "state")).exit_code == 0
    return folder


@pytest.fixture
def named(sample: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the page calls A, R and S: an automation, and two of its runs."""
    monkeypatch.chdir(sample)
    monkeypatch.setenv("TANDEM_STORE_URL", "runs.db")
    with open_store("runs.db") as store, store.read() as tx:
        of_one = RunFilter(status="completed", automation_id="automation-v2-6dd6c9f6")
        newer, *_, older = tx.runs.list(of_one).items
    return {"A": newer.automation_id, "R": newer.run_id, "S": older.run_id}


def test_its_commands_run(named: dict[str, str]) -> None:
    """Each prints something."""
    for line in (lines := commands(_PAGE)):
        done = command(*words(line))
        assert done.exit_code == 0, (line, done.stderr)
        assert done.stdout, line

    assert len(lines) == 5


def test_the_commands_of_its_table_run(named: dict[str, str]) -> None:
    """With the ids that it calls A, R and S; with 3 if a monitor found something."""
    lines = [line for line, _ in _ROWS if line]
    for line in lines:
        done = command(*(named.get(word, word) for word in line.split()))
        assert done.exit_code == (3 if "--fail-if-any" in line else 0), (line, done.stderr)

    assert len(lines) > 20


def test_its_python_runs(named: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The snippet, and the calls of the table with the names that the snippet defines."""
    (snippet,) = snippets(_PAGE)
    names: dict[str, Any] = {}
    exec(compile(snippet, _PAGE.name, "exec"), names)
    assert "approval Approve 14 replies" in capsys.readouterr().out

    with open_store("runs.db") as store, store.read() as tx:
        for _, call in _ROWS:
            given = re.sub('"([ARS])"', lambda found: repr(named[found[1]]), call)
            result = eval(given, {**names, "tx": tx})
            assert result is not None or "next_due" in call, call

    assert len(_ROWS) > 20


@pytest.mark.parametrize("names", [RunGroup, WaitsFor])
def test_every_group_and_everything_that_runs_wait_for_is_explained(
    names: type[RunGroup] | type[WaitsFor],
) -> None:
    """In a row of a table, by the name that an option takes."""
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*$", _TEXT, re.MULTILINE))))

    assert {one.value for one in names} <= explained

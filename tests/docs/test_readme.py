"""What the README says is so: its example runs, its output is real, and every command is in it."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from tandem_store import open_store
from tandem_store.cli.program import program
from tests.docs.pages import DOCS, README, snippets
from tests.support import REPOSITORY
from tests.support.run_records import new_run
from tools.command_page import commands

_TEXT = README.read_text()


def test_every_command_is_in_the_readme() -> None:
    """A new user can reach it from there."""
    leaves = [name for name, _ in commands()]

    assert [leaf for leaf in leaves if leaf not in _TEXT.replace("--db runs.db ", "")] == []


def test_every_exit_code_is_in_the_reference() -> None:
    """As the program's own help lists them."""
    helped = CliRunner().invoke(program, ["--help"]).output
    codes = re.findall(r"^ {4}(\d+) ", helped, re.MULTILINE)
    page = (DOCS / "reference" / "exit-codes.md").read_text()

    assert codes
    assert codes == re.findall(r"^\| (\d+) \|", page, re.MULTILINE)


def test_the_first_screen_is_one_screen() -> None:
    """What it is, for whom, a picture, figures and two commands, before anything else."""
    first = _TEXT.partition("\n## ")[0].splitlines()

    assert len(first) <= 45
    assert max(len(line) for line in first if not line.startswith("![")) <= 100
    assert next(line for line in first if line.startswith("    ")).startswith("    make demo")


@pytest.mark.sqlite
def test_the_summary_is_what_the_import_prints(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line, in this order; dots stand for lines that are left out."""
    monkeypatch.chdir(REPOSITORY)
    (excerpt,) = re.findall(r"```text\n\$ tandem-store (.+?)```", _TEXT, re.DOTALL)
    words, *promised = excerpt.splitlines()

    done = CliRunner().invoke(program, ["--db", empty_url, *words.split()])

    printed = iter(map(_without_seconds, done.stdout.splitlines()))
    for line in promised:
        if line != "...":
            line = _without_seconds(re.sub(r" +\(\d\)$", "", line))
            assert line in printed, f"not printed, or not after the lines above: {line}"


def _without_seconds(line: str) -> str:
    return re.sub(r"Took [\d.]+ s", "Took ... s", line).rstrip()


def test_the_python_example_runs(
    store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a store that has the run it names."""
    (example,) = snippets(README)
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("a-run-id", status="failed"))

    exec(example.replace("sqlite:///runs.db", store_url), {})

    assert "a-run-id" in capsys.readouterr().out
    with open_store(store_url) as store, store.read() as tx:
        changed = tx.runs.get("a-run-id")
    assert changed is not None
    assert changed.detail == "looked at"

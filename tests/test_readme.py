"""What the README says is so: its commands exist, its example runs, every command is in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tandem_store import open_store
from tandem_store.cli.program import program
from tests.support.run_records import new_run

pytestmark = pytest.mark.sqlite

_README = Path(__file__).parent.parent / "README.md"
_TEXT = _README.read_text()
_COMMANDS = sorted(set(re.findall(r"^    tandem-store (.+?)(?:  +#.*)?$", _TEXT, re.MULTILINE)))


def _command_path(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that a line names, and its own words."""
    command: click.Command = program
    rest = words[2:] if words[0] == "--db" else words
    while isinstance(command, click.Group) and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


@pytest.mark.parametrize("line", _COMMANDS)
def test_every_command_line_is_understood(line: str) -> None:
    """The command exists, and so do its options."""
    command, rest = _command_path(shlex.split(line))

    assert not isinstance(command, click.Group)
    command.make_context("tandem-store", rest, resilient_parsing=True)
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_every_command_is_in_the_readme() -> None:
    """A new user can reach it from there."""
    leaves = {
        f"{name} {inner}" if isinstance(command, click.Group) else name
        for name, command in program.commands.items()
        for inner in (command.commands if isinstance(command, click.Group) else [""])
    }

    assert {
        leaf for leaf in leaves if f"tandem-store {leaf}" not in _TEXT.replace("--db runs.db ", "")
    } == set()


def test_every_exit_code_is_in_the_readme() -> None:
    """As the program's own help lists them."""
    helped = CliRunner().invoke(program, ["--help"]).output
    codes = re.findall(r"^ {4}(\d+) ", helped, re.MULTILINE)

    assert codes
    assert codes == re.findall(r"^\| (\d+) \|", _TEXT, re.MULTILINE)


def test_the_python_example_runs(
    store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a store that has the run it names."""
    (example,) = re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL)
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("a-run-id", status="failed"))

    exec(example.replace("sqlite:///runs.db", store_url), {})

    assert "a-run-id" in capsys.readouterr().out
    with open_store(store_url) as store, store.read() as tx:
        changed = tx.runs.get("a-run-id")
    assert changed is not None
    assert changed.detail == "looked at"

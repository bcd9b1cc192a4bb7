"""Every command in the documentation exists, and so do its options."""

from __future__ import annotations

import click
import pytest

from tandem_store.cli.program import program
from tests.docs.pages import DOCS, all_pages, commands, words
from tests.support import REPOSITORY

_LINES = [
    pytest.param(line, id=f"{page.relative_to(REPOSITORY)}: {line}")
    for page in all_pages()
    if page != DOCS / "reference" / "cli.md"  # has their usage: it is made from the program
    for line in dict.fromkeys(commands(page))
]


@pytest.mark.parametrize("line", _LINES)
def test_every_command_is_understood(line: str) -> None:
    """The program takes it, but does not run it."""
    command, rest = _command(words(line.removesuffix(" | sha256sum")))

    assert not isinstance(command, click.Group)
    command.make_context("tandem-store", rest, resilient_parsing=True)
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_there_are_commands() -> None:
    """In other words, the pages were found."""
    assert len(_LINES) > 50


def _command(line: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a line names, and its own words."""
    command: click.Command = program
    context = click.Context(program)
    rest = line[2:] if line[0] == "--db" else line
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        if found is None:
            break
        command, rest = found, rest[1:]
    return command, rest

"""The commands of ``tandem-store`` and their options, from the program itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from tandem_store.cli.program import program
from tools.markdown import table

#: Options that every command has; the page explains them once.
_EVERYWHERE = {"--db", "--help"}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Return every command that is not a group, with its name, in alphabetical order."""
    yield from _below(program, click.Context(program, info_name="tandem-store"))


def _below(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _below(command, inner)
        else:
            yield inner.command_path, command


def command_page() -> str:
    """Return the generated part of docs/reference/cli.md."""
    found = list(commands())
    summary = [
        (f"[`{path}`](#{path.replace(' ', '-')})", command.get_short_help_str(limit=200))
        for path, command in found
    ]
    return "\n\n".join(
        [table(("command", "what it does"), summary), *(_section(*one) for one in found)]
    )


def _section(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    rows = [
        (f"`{names}`", help_text)
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and not _EVERYWHERE.intersection(parameter.opts)
        if (record := parameter.get_help_record(context)) is not None
        for names, help_text in [record]
    ]
    parts = [f"## {path}", f"    {usage}", _paragraphs(command.help or "")]
    return "\n\n".join(parts + ([table(("option", ""), rows)] if rows else []))


def _paragraphs(text: str) -> str:
    """Return help text as Markdown: literal blocks, behind a line of ``\\b``, become code."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        re.sub("^", "    ", one.removeprefix("\b\n"), flags=re.MULTILINE)
        if one.startswith("\b")
        else " ".join(one.split())
        for one in paragraphs
    )

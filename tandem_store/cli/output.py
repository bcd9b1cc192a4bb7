"""Where results go: JSON and text on stdout, everything else on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from tandem_store.cli import terminal
from tandem_store.cli.suggested_commands import advised
from tandem_store.cli.views import table
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.text import printable
from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import pretty

# What JSON allows raw and a terminal would obey all the same.
_RAW: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def put_json(value: Any) -> None:
    """One JSON value on stdout, kinds of numbers kept."""
    click.echo(as_json(value))


def as_json(value: Any) -> str:
    """The value as JSON in two-space layout, with nothing that a terminal would obey."""
    try:
        text = pretty(value).decode()
    except (LegacyFormatError, TypeError, ValueError):
        # A file name that is not UTF-8: the standard library spells it with escapes.
        text = json.dumps(value, indent=2)
    return escaped(text.rstrip("\n"))


def escaped(text: str) -> str:
    """JSON with those characters spelled out that it allows raw and a terminal would obey."""
    return _RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def put(text: str = "") -> None:
    """Words of ours for people on stdout; line ends stay, and commands in it name the store."""
    click.echo(terminal.folded(printable(advised(text), lines=True), sys.stdout))


def put_content(text: str) -> None:
    """Words of others on stdout, such as a node's output; line ends stay."""
    click.echo(printable(text, lines=True))


def put_styled(text: str, style: str) -> None:
    """A line for people on stdout, in a style of rich on a terminal that has it."""
    if terminal.is_terminal():
        click.echo(terminal.drawn(table.styled(printable(text), style)))
    else:
        put_content(text)


def note(text: str) -> None:
    """Words of ours for people on stderr; line ends stay, and commands in it name the store."""
    click.echo(terminal.folded(printable(advised(text), lines=True), sys.stderr), err=True)


def put_paragraph(text: str, *, indent: int = 2) -> None:
    """Text of others on stdout, indented; on a terminal lines are broken between words."""
    shown = printable(text, lines=True)
    if terminal.is_terminal():
        click.echo(terminal.drawn(table.indented(shown, indent)))
    else:
        click.echo("\n".join(" " * indent + line for line in shown.split("\n")))


def put_facts(facts: Iterable[tuple[str, Cell]]) -> None:
    """Labels and what they stand for, one below the other."""
    click.echo(terminal.drawn(table.facts(facts)))


def put_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: str = "",
    cut: str = "",
    optional: Sequence[str] = (),
) -> None:
    """A table for people on stdout: one line a row, and all of it where there is no terminal.

    ``right`` has an ``r`` in the place of each column that stands to the right. On a terminal that
    is too narrow, the columns headed as in ``optional`` go one after the other, then the column
    headed ``cut`` is cut with an ellipsis; what still does not fit becomes a paragraph a row.
    """
    made = table.Table.of(headings, rows, right)
    window = terminal.width()
    if window is not None:
        made = made.fitted(window, cut=cut, optional=optional)
    fits = window is None or made.width <= window
    click.echo(terminal.drawn(made.ruled() if fits else made.paragraphs()))

"""Where results go: JSON and tables on stdout, everything else on stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from tandem_store.cli.text import columns, printable
from tandem_store.errors import LegacyFormatError
from tandem_store.legacy.json_text import pretty

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
    """A line for people on stdout; line ends stay."""
    click.echo(printable(text, lines=True))


def note(text: str) -> None:
    """A line for people on stderr."""
    click.echo(printable(text, lines=True), err=True)


def put_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = "") -> None:
    """A table for people on stdout: ruled on a terminal, plain aligned text elsewhere.

    ``right`` has an ``r`` in the place of each column that stands to the right.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    sides = [side == "r" for side in right.ljust(len(headings))]
    lines = list(_aligned(headings, cells, sides))
    # Folded cells cannot be copied, so a table too wide for the terminal is not ruled either.
    if sys.stdout.isatty() and max(map(columns, lines)) + 2 < shutil.get_terminal_size().columns:
        _put_ruled(headings, cells, sides)
    else:
        click.echo("\n".join(lines))


def _aligned(
    headings: Sequence[str], rows: Sequence[Sequence[str]], sides: Sequence[bool]
) -> Iterable[str]:
    table = [list(headings), *rows]
    widths = [max(columns(row[at]) for row in table) for at in range(len(headings))]
    for row in table:
        padded = [
            " " * (width - columns(cell)) + cell if right else cell + " " * (width - columns(cell))
            for cell, width, right in zip(row, widths, sides, strict=True)
        ]
        yield "  ".join(padded).rstrip()


def _put_ruled(
    headings: Sequence[str], rows: Sequence[Sequence[str]], sides: Sequence[bool]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading, right in zip(headings, sides, strict=True):
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in rows:
        # Text, not str: a cell is never read as rich's own markup.
        table.add_row(*map(Text, row))
    Console(file=sys.stdout).print(table)

"""Prints results on stdout, as JSON or as text, and everything else on stderr."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import click

from tandem_store.cli import terminal
from tandem_store.cli.suggested_commands import with_store
from tandem_store.cli.terminal import printable
from tandem_store.cli.views import side_by_side, table
from tandem_store.cli.views.table import Cell
from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import pretty

# Characters that JSON allows unescaped and a terminal would act on.
_UNESCAPED: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def print_json(value: Any) -> None:
    """Print one JSON value on stdout; integers and floats stay what they are."""
    try:
        text = pretty(value).decode()
    except (LegacyFormatError, TypeError, ValueError):
        # A file name that is not UTF-8, which the standard library escapes.
        text = json.dumps(value, indent=2)
    click.echo(escape_json(text.rstrip("\n")))


def print_json_items(items: Iterable[Any], rest: Callable[[], dict[str, Any]]) -> None:
    """Print one JSON object on stdout: ``items`` as they come, then the members of ``rest``.

    It is what ``print_json`` prints, without having all items in memory. ``rest`` is called after
    the last item.
    """
    click.echo('{\n  "items": [', nl=False)
    is_empty = True
    for item in items:
        text = escape_json(pretty(item).decode()).replace("\n", "\n    ")
        click.echo(("" if is_empty else ",") + "\n    " + text, nl=False)
        is_empty = False
    end = escape_json(pretty(rest()).decode()).removeprefix("{")
    click.echo(("]" if is_empty else "\n  ]") + ("," if end != "}" else "\n") + end)


def escape_json(text: str) -> str:
    """Return JSON with the characters escaped that a terminal would act on."""
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_message(text: str = "") -> None:
    """Print our own words on stdout; line breaks stay, and suggested commands name the store."""
    click.echo(terminal.folded(printable(with_store(text), lines=True), sys.stdout))


def print_note(text: str) -> None:
    """Print our own words on stderr; line breaks stay, and suggested commands name the store."""
    click.echo(terminal.folded(printable(with_store(text), lines=True), sys.stderr), err=True)


def print_content(text: str) -> None:
    """Print stored text on stdout, such as a node's output; line breaks stay."""
    click.echo(printable(text, lines=True))


def print_csv(rows: Iterable[Sequence[Any]]) -> None:
    """Print CSV (RFC 4180) on stdout; a null is an empty cell."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    print_content(lines.getvalue().rstrip("\n"))


def print_styled(text: str, style: str) -> None:
    """Print a line on stdout, in a style of rich if stdout is a terminal."""
    if terminal.is_terminal():
        click.echo(terminal.drawn(table.styled(printable(text), style)))
    else:
        print_content(text)


def print_paragraph(text: str, *, indent: int = 2) -> None:
    """Print stored text on stdout, indented; on a terminal its lines are broken between words."""
    shown = printable(text, lines=True)
    if terminal.is_terminal():
        click.echo(terminal.drawn(table.indented(shown, indent)))
    else:
        click.echo("\n".join(" " * indent + line for line in shown.split("\n")))


def print_facts(facts: Iterable[tuple[str, Cell]]) -> None:
    """Print labels and their values on stdout, one below the other."""
    click.echo(terminal.drawn(table.facts(facts)))


def print_sides(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print labels, each with two values beside each other; on a terminal, values are broken."""
    click.echo(terminal.drawn(side_by_side.drawing(headings, rows, terminal.width())))


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    align: str = "",
    cut: str = "",
    optional: Sequence[str] = (),
) -> None:
    """Print a table on stdout: one line a row, and complete if stdout is not a terminal.

    ``align`` has one letter for each column, ``l`` or ``r``; columns without a letter are aligned
    to the left. If the terminal is too narrow, the columns headed as in ``optional`` are left out
    one after the other, then the column headed ``cut`` is cut. A table that still does not fit
    becomes a paragraph for each row.
    """
    made = table.Table.of(headings, rows, align)
    window = terminal.width()
    if window is not None:
        made = made.fitted(window, cut=cut, optional=optional)
    fits = window is None or made.width <= window
    click.echo(terminal.drawn(made.ruled() if fits else made.paragraphs()))

"""Prints lists of items, each with its path and a sentence; readable at any width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from tandem_store.cli import output, terminal
from tandem_store.cli.terminal import printable
from tandem_store.cli.views.values import number, one_line, path_lines

if TYPE_CHECKING:  # lists of runs do not need the importer
    from tandem_store.importer.source.kinds import SkippedFile

Item = TypeVar("Item")

#: How many items of a list are shown; ``--json`` lists all.
SHOWN: Final = 20

_INDENT: Final = 2


def show_list(title: str, items: Sequence[Item], show_one: Callable[[Item], None]) -> None:
    """Print a title, the number of items and the first 20 of them; nothing if there are none."""
    if not items:
        return
    output.print_message()
    output.print_message(f"{title}: {number(len(items))}")
    for item in items[:SHOWN]:
        show_one(item)
    if len(items) > SHOWN:
        output.print_message(f"  ... and {number(len(items) - SHOWN)} more; --json lists all.")


def show_item(
    heading: str, path: str, sentence: str, *, key: str | None = None, style: str = ""
) -> None:
    """Print a heading, a path and a sentence of ours.

    ``key`` is the key of the entry, if the item is one entry of the file.
    """
    output.print_styled(heading, style)
    _show_path(path, 2 * _INDENT)
    if key is not None:
        output.print_content(" " * 3 * _INDENT + f"entry {printable(key)}")
    if sentence:
        output.print_message(" " * 2 * _INDENT + one_line(sentence))


def show_skipped(item: SkippedFile) -> None:
    """Print the path of something that was not read, and the reason."""
    _show_path(item.path, _INDENT)
    output.print_paragraph(one_line(item.reason), indent=2 * _INDENT)


def show_name(name: str) -> None:
    """Print an id or a path, on a line of its own."""
    output.print_content(" " * _INDENT + one_line(name))


def _show_path(path: str, indent: int) -> None:
    window = terminal.width()
    first, *rest = path_lines(path, None if window is None else window - indent - _INDENT)
    output.print_content(" " * indent + first)
    for line in rest:
        output.print_content(" " * (indent + _INDENT) + line)

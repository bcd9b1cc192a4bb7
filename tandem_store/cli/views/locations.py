"""Items of a report that stand at a path, as records that read well in any width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from rich.cells import cell_len

from tandem_store.cli import output, terminal
from tandem_store.cli.suggested_commands import advised
from tandem_store.cli.views.text import number, one_line, printable

Item = TypeVar("Item")

#: How many items of one kind are shown; ``--json`` has all.
SHOWN: Final = 20

_INDENT: Final = 2


def put_capped(title: str, items: Sequence[Item], put_one: Callable[[Item], None]) -> None:
    """A title with the number of items, the first of them, and how many are left."""
    if not items:
        return
    output.put()
    output.put(f"{title}: {number(len(items))}")
    for item in items[:SHOWN]:
        put_one(item)
    if len(items) > SHOWN:
        output.put(f"  ... and {number(len(items) - SHOWN)} more; --json has all.")


def put_record(
    heading: str, path: str, sentence: str, *, key: str | None = None, style: str = ""
) -> None:
    """A heading, below it a path that is broken at its slashes only, and a sentence of ours.

    ``key`` is that of the entry in the file that is meant.
    """
    output.put_styled(heading, style)
    _put_path(path, 2 * _INDENT)
    if key is not None:
        output.put_content(" " * 3 * _INDENT + f"entry {printable(key)}")
    if sentence:
        output.put_paragraph(one_line(advised(sentence)), indent=2 * _INDENT)


def put_place(item: Mapping[str, Any]) -> None:
    """A path, and below it why it is listed."""
    _put_path(item["path"], _INDENT)
    output.put_paragraph(one_line(item["reason"]), indent=2 * _INDENT)


def put_name(name: str) -> None:
    """An id, in a line of its own."""
    output.put_content(" " * _INDENT + one_line(name))


def path_lines(path: str, width: int | None) -> list[str]:
    """The path in lines that end with a slash, as few as the width takes; None: one line."""
    *folders, name = printable(path).split("/")
    lines = [""]
    for part in (*(f"{folder}/" for folder in folders), name):
        if width is not None and lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return lines


def _put_path(path: str, indent: int) -> None:
    window = terminal.width()
    first, *rest = path_lines(path, None if window is None else window - indent - _INDENT)
    output.put_content(" " * indent + first)
    for line in rest:
        output.put_content(" " * (indent + _INDENT) + line)

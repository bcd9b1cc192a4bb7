"""Markdown as the generated pages need it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar within a cell does not end the cell."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def first_line(docstring: str | None) -> str:
    """Return the first line of a docstring in Markdown; empty if there is none."""
    return in_markdown(docstring.strip().splitlines()[0]) if docstring else ""


def in_markdown(text: str) -> str:
    """Return a paragraph of a docstring: its double backticks become single ones."""
    return text.replace("``", "`")


def docstring_in_markdown(docstring: str | None) -> str:
    """Return a docstring: paragraphs, what it raises as a list, and examples as code."""
    blocks = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(filter(None, map(_block, blocks)))


def _block(block: str) -> str:
    if block.startswith(">>> "):
        return f"```pycon\n{block}\n```"
    lines = block.splitlines()
    if re.fullmatch(r"\w+:", lines[0]) and len(lines) > 1:
        return f"{lines[0]}\n\n{_items(lines[1:])}"
    return in_markdown(block)


def _items(lines: list[str]) -> str:
    """Return ``name: what`` lines as a list; a line that is indented more goes on with its item."""
    items: list[str] = []
    for line in inspect.cleandoc("\n".join(lines)).splitlines():
        if line.startswith(" ") and items:
            items[-1] += f" {line.strip()}"
        else:
            items.append(re.sub(r"^(\w+):", r"`\1`:", line))
    return in_markdown("\n".join(f"* {item}" for item in items))

"""Tables in Markdown, as benchmarks print them."""

from __future__ import annotations

import os
import platform

import click


def machine() -> str:
    """What was measured on."""
    return f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs"


def head(first: str, *others: str) -> None:
    """The first line of a table: a name, then numbers."""
    row(first, *others)
    click.echo(f"|---|{'--:|' * len(others)}")


def row(*cells: str) -> None:
    """One line of a table."""
    click.echo(f"| {' | '.join(cells)} |")

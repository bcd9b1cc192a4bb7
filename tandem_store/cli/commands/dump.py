"""``tandem-store dump``: prints the complete store."""

from __future__ import annotations

import sys

import click

from tandem_store.cli import options
from tandem_store.cli.output import escape_json
from tandem_store.dump import dump_lines


@click.command()
@options.database
@click.option("--json", is_flag=True, expose_value=False, help="No effect: the output is JSON.")
def dump(url: str) -> None:
    """Print the complete store as sorted JSON Lines.

    Equal stores produce equal bytes, on SQLite and on PostgreSQL.
    """
    is_terminal, out = sys.stdout.isatty(), sys.stdout.buffer
    for line in dump_lines(url):
        out.write((escape_json(line.decode()).encode() if is_terminal else line) + b"\n")
    out.flush()

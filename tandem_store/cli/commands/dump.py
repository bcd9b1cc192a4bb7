"""``tandem-store dump``: the whole store as JSON Lines."""

from __future__ import annotations

import sys

import click

from tandem_store.cli import options
from tandem_store.cli.output import escaped
from tandem_store.dump import dump_lines


@click.command()
@options.database
@click.option("--json", is_flag=True, expose_value=False, help="No effect: it is always JSON.")
def dump(url: str) -> None:
    """Print the whole store as sorted JSON Lines.

    Equal stores give equal bytes, on either kind of database.
    """
    is_terminal, out = sys.stdout.isatty(), sys.stdout.buffer
    for line in dump_lines(url):
        out.write((escaped(line.decode()).encode() if is_terminal else line) + b"\n")
    out.flush()

"""The program ``tandem-store`` and its commands."""

from __future__ import annotations

import inspect
import io
import os
import sys
from pathlib import Path
from typing import Any

import click

import tandem_store
from tandem_store.cli import options
from tandem_store.cli.commands.backup import backup, restore
from tandem_store.cli.commands.copying import copy
from tandem_store.cli.commands.database import db
from tandem_store.cli.commands.doctor import doctor
from tandem_store.cli.commands.dump import dump
from tandem_store.cli.commands.importing import import_command
from tandem_store.cli.commands.months import months
from tandem_store.cli.commands.quarantine import quarantine
from tandem_store.cli.commands.runs import runs
from tandem_store.cli.commands.statistics import stats
from tandem_store.cli.commands.verifying import verify
from tandem_store.cli.exits import FAILED, sentences
from tandem_store.cli.verbosity import verbose


class Program(click.Group):
    """A group whose commands fail with a sentence and a documented exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        with sentences(ctx):
            return super().invoke(ctx)


@click.group(
    cls=Program,
    commands=[
        db,
        import_command,
        verify,
        runs,
        months,
        stats,
        quarantine,
        dump,
        copy,
        doctor,
        backup,
        restore,
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@options.root_database
@verbose
@click.version_option(tandem_store.__version__, "-V", "--version", prog_name="tandem-store")
def program(url: str) -> None:
    """Keep the automation runs of the Tandem engine in a database.

    \b
    Exit codes:
      0    done
      1    error, or doctor found something that must be done
      2    wrong usage
      3    done, but something of the source is in quarantine or was not read
      4    verify or copy found a difference
      5    the database is not at the revision that this version needs
      6    locked by another process
      130  interrupted
    """


def main() -> None:
    """Run the program with the arguments of the process."""
    _check_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets its escape instead of a failure.
            stream.reconfigure(errors="backslashreplace")
    program.main(prog_name="tandem-store")


def _check_streams() -> None:
    # A closed stream is None to Python, and its number would go to the next file that is opened: a
    # database that stray output is then written into.
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115
    is_closed = sys.stdout is None
    if is_closed:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if is_closed:
        click.echo("Error: stdout is closed. Nothing was done; send it to /dev/null.", err=True)
        sys.exit(FAILED)


def _summarise(group: click.Group) -> None:
    """Give each command the first sentence of its help for lists, where click would cut it."""
    for command in group.commands.values():
        if command.short_help is None:
            sentence = inspect.cleandoc(command.help or "").split("\n\n")[0].split(". ")[0]
            command.short_help = f"{' '.join(sentence.split()).removesuffix('.')}."
        if isinstance(command, click.Group):
            _summarise(command)


_summarise(program)

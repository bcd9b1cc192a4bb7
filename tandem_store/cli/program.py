"""The program ``tandem-store`` and its commands."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

import tandem_store
from tandem_store.cli import options
from tandem_store.cli.copying import copy
from tandem_store.cli.database import db
from tandem_store.cli.doctor import doctor
from tandem_store.cli.dump import dump
from tandem_store.cli.exits import sentences
from tandem_store.cli.importing import import_command
from tandem_store.cli.months import months
from tandem_store.cli.quarantine import quarantine
from tandem_store.cli.runs import runs
from tandem_store.cli.statistics import stats
from tandem_store.cli.verifying import verify


class Program(click.Group):
    """A group whose commands fail with a sentence and a documented exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        with sentences(ctx):
            return super().invoke(ctx)


@click.group(
    cls=Program,
    commands=[db, import_command, verify, runs, months, stats, quarantine, dump, copy, doctor],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@options.root_database
@click.version_option(tandem_store.__version__, prog_name="tandem-store")
def program(url: str) -> None:
    """Keep the automation runs of the Tandem engine in a database.

    \b
    Exit codes:
      0    done
      1    error
      2    wrong usage
      3    done, but something of the source is in quarantine or was not read
      4    verify or copy found a difference
      5    the database is not at the revision that this version needs
      6    locked by another process
      130  interrupted
    """


def main() -> None:
    """Run the program with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets its escape instead of a failure.
            stream.reconfigure(errors="backslashreplace")
    program.main(prog_name="tandem-store")

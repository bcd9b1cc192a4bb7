"""The program ``tandem-store``: its options, its commands, and how it ends."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from tandem_store.cli import exits, options
from tandem_store.cli.command_table import ENTRIES, CommandGroup, LazyCommands
from tandem_store.cli.error_messages import interrupted, translate_failures
from tandem_store.cli.verbosity import verbose
from tandem_store.release import installed_release


class Program(CommandGroup):
    """The outermost group: it ends with a documented exit code, and never with a traceback."""

    def summaries(self) -> list[tuple[str, str]]:
        """Return the name and the summary of each command, without importing any."""
        return [(name, entry.summary) for name, entry in sorted(ENTRIES.items())]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; every failure leaves it as a message and an exit code."""
        with translate_failures(ctx):
            return super().invoke(ctx)

    def main(self, *arguments: Any, **extra: Any) -> NoReturn:
        """Run the program and exit; Ctrl-C ends it with 130, whenever it comes."""
        exit_code = exits.INTERRUPTED
        # Ctrl-C while the message is printed may lose the message, but not the exit code.
        with suppress(KeyboardInterrupt):
            exit_code = self._run(*arguments, **extra)
        sys.exit(exit_code)

    def _run(self, *arguments: Any, **extra: Any) -> int:
        try:
            try:
                return super().main(*arguments, **extra | {"standalone_mode": False}) or exits.DONE
            except (KeyboardInterrupt, click.Abort) as error:
                # It came outside a command: before one had begun, or after it had ended.
                raise interrupted(error) from error
        except click.ClickException as error:
            error.show()
            return error.exit_code


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    """Print the version, if it was asked for, and end the program."""
    if asked and not context.resilient_parsing:
        click.echo(f"tandem-store, version {installed_release()}")
        context.exit()


@click.group(
    cls=Program,
    commands=LazyCommands(ENTRIES),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@options.root_database
@verbose
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def program(url: str) -> None:
    """Keep the automation runs of the Tandem engine in a database.

    \b
    Exit codes:
      0    done
      1    error, or doctor found a problem that must be solved
      2    wrong usage
      3    done, but not all: see the message; or --fail-if-any found something
      4    verify or copy found a difference
      5    the database is not at the revision that this version needs
      6    locked by another process
      130  interrupted
    """


def main() -> NoReturn:
    """Run the program with the arguments of the process."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal cannot show is escaped, rather than making us fail.
            stream.reconfigure(errors="backslashreplace")
    program.main(prog_name="tandem-store")


def _open_closed_streams() -> None:
    # Python has None for a closed stream, and its descriptor would go to the next file that is
    # opened: a database, into which stray output would then be written.
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115
    is_closed = sys.stdout is None
    if is_closed:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if is_closed:
        click.echo("Error: stdout is closed. Nothing was done; redirect it to /dev/null.", err=True)
        sys.exit(exits.FAILED)

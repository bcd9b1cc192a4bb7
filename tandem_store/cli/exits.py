"""How a command ends: the exit codes, and the one place where failures become sentences."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from tandem_store.cli.suggested_commands import advised, spelled
from tandem_store.cli.terminal import folded
from tandem_store.cli.views.text import printable
from tandem_store.database.error_translation import in_words
from tandem_store.errors import SchemaAheadError, SchemaBehindError, StoreError, StoreLockedError

FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
DIFFERENT: Final = 4
SCHEMA: Final = 5
LOCKED: Final = 6
INTERRUPTED: Final = 130

#: Set to see where an unexpected failure came from.
TRACEBACK: Final = "TANDEM_STORE_TRACEBACK"


class Refusal(click.ClickException):
    """A sentence on stderr and an exit code; ``lines`` keeps the line ends in it."""

    exit_code = FAILED

    def __init__(self, message: str, *, lines: bool = False) -> None:
        super().__init__(printable(message, lines=lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it on stderr."""
        stream = sys.stderr if file is None else file
        click.echo(folded(f"Error: {self.format_message()}", stream), file=stream)


class SchemaRefusal(Refusal):
    """The database or the package must be upgraded first."""

    exit_code = SCHEMA


class LockedRefusal(Refusal):
    """Another process was in the way."""

    exit_code = LOCKED


class Interruption(Refusal):
    """Somebody stopped the command; it says how to go on."""

    exit_code = INTERRUPTED


@contextmanager
def sentences(context: click.Context) -> Iterator[None]:
    """Let every failure leave the block as a ``Refusal``; click's own pass unchanged."""
    try:
        yield
        # Here, because a reader that has gone away is noticed only when the last bytes go out.
        sys.stdout.flush()
    except (click.ClickException, click.exceptions.Exit):
        raise
    except BrokenPipeError:
        _forget_stdout()
        context.exit(0)
    except (KeyboardInterrupt, click.Abort) as error:
        raise _stopped(error) from error
    except StoreError as error:
        raise _refusal(error) from error
    except OSError as error:
        raise Refusal(_trouble(error)) from error
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        if (said := in_words(error)) is not None:
            raise Refusal(said) from error
        raise Refusal(
            f"Unexpected {type(error).__name__}: {error}. This is a defect of tandem-store; "
            f"{TRACEBACK}=1 shows where."
        ) from error


def _refusal(error: StoreError) -> Refusal:
    message = advised(str(error))
    if isinstance(error, SchemaBehindError | SchemaAheadError):
        return SchemaRefusal(message)
    return (LockedRefusal if isinstance(error, StoreLockedError) else Refusal)(message)


def _stopped(error: BaseException) -> Refusal:
    # click turns Ctrl-C at a question into the same Abort as an answer of no.
    causes = (error, error.__cause__, error.__context__)
    if not any(isinstance(cause, KeyboardInterrupt) for cause in causes):
        return Refusal("Nothing was changed.")
    return Interruption(f"Interrupted. To go on: {command_line()}")


def command_line() -> str:
    """The command as it was typed, to be typed again, but for passwords."""
    return shlex.join(["tandem-store", *map(_without_password, sys.argv[1:])])


def _without_password(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{equals}{spelled(value)}" if "://" in value else word


def _trouble(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "The disk is full. Free some space and try again."
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def _forget_stdout() -> None:
    # The reader had enough, as `head` does. Python would try once more at exit, and complain.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())

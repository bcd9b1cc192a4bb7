"""Turns every failure into one message on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from tandem_store.cli import exits
from tandem_store.cli.suggested_commands import url_as_typed, with_store
from tandem_store.cli.terminal import folded, printable
from tandem_store.errors import SchemaAheadError, SchemaBehindError, StoreError, StoreLockedError

#: Set this environment variable to see the traceback of an unexpected failure.
TRACEBACK: Final = "TANDEM_STORE_TRACEBACK"


class CommandError(click.ClickException):
    """A failed command: a message for stderr and an exit code.

    ``lines`` keeps the line breaks of the message.
    """

    exit_code = exits.FAILED

    def __init__(self, message: str, *, lines: bool = False) -> None:
        super().__init__(printable(message, lines=lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr."""
        stream = sys.stderr if file is None else file
        click.echo(folded(f"Error: {self.format_message()}", stream), file=stream)


class SchemaError(CommandError):
    """The database or the package must be upgraded first."""

    exit_code = exits.SCHEMA


class LockedError(CommandError):
    """Another process holds a lock."""

    exit_code = exits.LOCKED


class InterruptError(CommandError):
    """The command was interrupted; the message says how to continue."""

    exit_code = exits.INTERRUPTED


@contextmanager
def translate_failures(context: click.Context) -> Iterator[None]:
    """Raise every failure of the block as a ``CommandError``; click's own pass unchanged."""
    try:
        yield
        # Flushed here, because a closed pipe is noticed only when the last bytes are written.
        sys.stdout.flush()
    except (click.ClickException, click.exceptions.Exit):
        raise
    except BrokenPipeError:
        _discard_stdout()
        context.exit(exits.DONE)
    except (KeyboardInterrupt, click.Abort) as error:
        raise interrupted(error) from error
    except StoreError as error:
        raise _store_error(error) from error
    except OSError as error:
        raise CommandError(_system_message(error)) from error
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        raise CommandError(_database_message(error) or _defect_message(error)) from error


def interrupted(error: BaseException) -> CommandError:
    """Return the error for Ctrl-C, or for a question that was answered with no or not at all."""
    # click raises the same Abort for all of these; the context of the exception tells them apart.
    causes = (error, error.__cause__, error.__context__)
    if not any(isinstance(cause, KeyboardInterrupt) for cause in causes):
        return CommandError("Nothing was changed.")
    return InterruptError(f"Interrupted. To continue: {command_line()}")


def command_line() -> str:
    """Return the command as it was typed, quoted for a shell and without passwords."""
    return shlex.join(["tandem-store", *map(_without_password, sys.argv[1:])])


def _without_password(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{equals}{url_as_typed(value)}" if "://" in value else word


def _store_error(error: StoreError) -> CommandError:
    message = with_store(str(error))
    if isinstance(error, SchemaBehindError | SchemaAheadError):
        return SchemaError(message)
    return (LockedError if isinstance(error, StoreLockedError) else CommandError)(message)


def _system_message(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "The disk is full. Free some space and try again."
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def _database_message(error: Exception) -> str | None:
    # Imported here, because help and usage errors must not wait for SQLAlchemy.
    from tandem_store.database.error_translation import in_words

    return in_words(error)


def _defect_message(error: Exception) -> str:
    return (
        f"Unexpected {type(error).__name__}: {error}. This is a bug in tandem-store; "
        f"set {TRACEBACK}=1 to see the traceback."
    )


def _discard_stdout() -> None:
    # The reader closed the pipe, as `head` does. Python flushes stdout once more at exit, which
    # would fail.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())

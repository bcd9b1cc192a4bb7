"""Options that commands share, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from tandem_store.cli import suggested_commands

Command = TypeVar("Command", bound=Callable[..., Any])

#: Where the store is unless an option or the environment says otherwise.
DEFAULT_URL: Final = "sqlite:///tandem_store.db"
ENVIRONMENT: Final = "TANDEM_STORE_URL"

_URL_HELP: Final = "The database: sqlite:///FILE, a path, or postgresql+psycopg://HOST/DATABASE."


def root_database(command: Command) -> Command:
    """``--db`` of the program itself, with its default."""
    return click.option(
        "--db",
        "url",
        metavar="URL",
        envvar=ENVIRONMENT,
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        callback=_outermost_url,
        help=_URL_HELP,
    )(command)


def database(command: Command) -> Command:
    """``--db``, given as ``url``: the command's own, else that of a group that it is in."""
    return click.option("--db", "url", metavar="URL", callback=_nearest_url, help=_URL_HELP)(
        command
    )


def as_json(command: Command) -> Command:
    """``--json``, given as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def confirmed(command: Command) -> Command:
    """``--yes``, given as ``yes``."""
    return click.option("--yes", is_flag=True, help="Answer every question with yes.")(command)


def jobs(command: Command) -> Command:
    """``--jobs``, given as ``jobs``; None if the size of the source shall decide."""
    return click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        show_default="the cores; 1 for a small source",
        help="Number of parser processes.",
    )(command)


def allowed_roots(command: Command) -> Command:
    """``--allow-root``, given as ``allow_roots``."""
    return click.option(
        "--allow-root",
        "allow_roots",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        multiple=True,
        help="Follow links that lead into this folder too; repeatable.",
    )(command)


def _outermost_url(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
        suggested_commands.concerns(context, value)
    return value


def _nearest_url(context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    if value is not None:
        suggested_commands.concerns(context, value)
        return value
    outer = context.parent
    while value is None and outer is not None:
        value = outer.params.get("url")
        outer = outer.parent
    return DEFAULT_URL if value is None else value

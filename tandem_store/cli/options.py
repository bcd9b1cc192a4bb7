"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from tandem_store.cli import suggested_commands
from tandem_store.errors import InvalidFieldError

Command = TypeVar("Command", bound=Callable[..., Any])

#: The store, unless an option or the environment variable names another.
DEFAULT_URL: Final = "sqlite:///tandem_store.db"
ENVIRONMENT: Final = "TANDEM_STORE_URL"

_URL_HELP: Final = "The database: sqlite:///FILE, a path, or postgresql+psycopg://HOST/DATABASE."


def root_database(command: Command) -> Command:
    """Add ``--db`` to the program itself, with the default."""
    return click.option(
        "--db",
        "url",
        metavar="URL",
        envvar=ENVIRONMENT,
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        callback=_program_url,
        help=_URL_HELP,
    )(command)


def database(command: Command) -> Command:
    """Add ``--db`` as ``url``: the command's own, or else the one of the nearest group."""
    return click.option("--db", "url", metavar="URL", callback=_nearest_url, help=_URL_HELP)(
        command
    )


def as_json(command: Command) -> Command:
    """Add ``--json`` as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def page(command: Command) -> Command:
    """Add ``--limit`` and ``--cursor``, the size of a page and where it begins."""
    command = click.option(
        "--cursor", metavar="TEXT", help="Continue after a page that printed this cursor."
    )(command)
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(1, 1_000),
        default=50,
        show_default=True,
        help="The number of items on a page.",
    )(command)


def fail_if_any(command: Command) -> Command:
    """Add ``--fail-if-any`` as ``fail_if_any``."""
    return click.option(
        "--fail-if-any", is_flag=True, help="End with exit code 3 if there are any, for a monitor."
    )(command)


def fields(*, help: str, records: bool) -> Callable[[Command], Command]:  # noqa: A002
    """Return what adds ``--fields``, names separated by commas, as ``fields``; None without it.

    ``help`` is its help. Unless ``records``, values inside of records are refused.
    """

    def known(
        _context: click.Context, _parameter: click.Parameter, value: str | None
    ) -> list[str] | None:
        return None if value is None else _known_fields(value.split(","), records=records)

    return click.option("--fields", metavar="NAME,...", callback=known, help=help)


def _known_fields(names: list[str], *, records: bool) -> list[str]:
    # Here, because few commands need the exporter.
    from tandem_store.exporter import parse_fields

    try:
        chosen = parse_fields(names)
    except InvalidFieldError as error:
        raise click.BadParameter(str(error)) from error
    if not records and (inside := [one.name for one in chosen if one.is_pointer]):
        raise click.BadParameter(
            f"{inside[0]} is inside of the records, which a list does not read. To read them: "
            "tandem-store export jsonl FILE --fields ..."
        )
    return names


def confirmed(command: Command) -> Command:
    """Add ``--yes`` as ``yes``."""
    return click.option("--yes", is_flag=True, help="Answer yes to every question.")(command)


def why(command: Command) -> Command:
    """Add ``--why`` as ``why``, which must be given."""
    return click.option(
        "--why", metavar="TEXT", required=True, callback=_not_blank, help="The reason, for others."
    )(command)


def _not_blank(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("give a reason that others can read")
    return value


def jobs(command: Command) -> Command:
    """Add ``--jobs`` as ``jobs``; None leaves the number to the size of the source."""
    return click.option(
        "--jobs",
        metavar="N",
        type=click.IntRange(1, 256),
        show_default="one per core; 1 for a small source",
        help="The number of parser processes.",
    )(command)


def allowed_roots(command: Command) -> Command:
    """Add ``--allow-root`` as ``allow_roots``."""
    return click.option(
        "--allow-root",
        "allow_roots",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        multiple=True,
        help="Also follow links into this folder; repeatable.",
    )(command)


def _program_url(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
        suggested_commands.suggest_for(context, value)
    return value


def _nearest_url(context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    if value is not None:
        suggested_commands.suggest_for(context, value)
        return value
    outer = context.parent
    while value is None and outer is not None:
        value = outer.params.get("url")
        outer = outer.parent
    return DEFAULT_URL if value is None else value

"""Adds ``--db`` to the commands that messages suggest.

The library writes ``tandem-store quarantine list`` and knows nothing of the command line. If the
command that is running works on another store than the default one, the suggested command needs the
same ``--db`` to be followed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

import click

from tandem_store.errors import StoreError

# The groups are possessive: a command that names its store is not matched as a shorter command that
# names none.
_COMMAND: Final = re.compile(r"\btandem-store(?P<words>(?: [a-z][a-z-]*+)++)(?! --(?:db|from)\b)")
_URL: Final = f"{__name__}.url"
#: Everything before the last @ of what was meant as the URL of a server.
_CREDENTIALS: Final = re.compile(r"^([a-z][\w+.-]*://).*@", re.IGNORECASE | re.DOTALL)


class Suggestion(NamedTuple):
    """A command in a text: its path, and where the words of the path begin."""

    path: tuple[str, ...]
    start: int


def suggest_for(context: click.Context, url: str) -> None:
    """Suggest commands for this store from now on.

    Not needed for the default store, nor for the one that the environment names.
    """
    context.meta[_URL] = url


def with_store(text: str) -> str:
    """Return the text with ``--db URL`` in each command that needs it."""
    context = click.get_current_context(silent=True)
    if context is None or _URL not in context.meta:
        return text
    option = f" --db {shlex.quote(url_as_typed(context.meta[_URL]))}"
    program = context.find_root().command
    for suggestion in reversed(list(suggestions(text, program))):
        text = text[: suggestion.start] + option + text[suggestion.start :]
    return text


def suggestions(text: str, program: click.Command) -> Iterator[Suggestion]:
    """Yield the commands of ``program`` that follow the word ``tandem-store`` in a text."""
    for match in _COMMAND.finditer(text):
        if path := _path(program, match["words"].split()):
            yield Suggestion(path, match.start("words"))


def url_as_typed(url: str) -> str:
    """Return the URL as it was typed, or without its password if it has one."""
    # Imported here, because help and usage errors must not wait for SQLAlchemy.
    from tandem_store.database.urls import database_url, shown

    try:
        complete, safe = database_url(url).render_as_string(hide_password=False), shown(url)
    except StoreError:
        # The program does not accept this URL, but it may still contain a password.
        return _CREDENTIALS.sub(r"\1***@", url)
    return url if safe == complete else safe


def _path(program: click.Command, words: list[str]) -> tuple[str, ...]:
    command, path = program, []
    for word in words:
        if not (isinstance(command, click.Group) and word in command.commands):
            break
        command = command.commands[word]
        path.append(word)
    return () if isinstance(command, click.Group) else tuple(path)

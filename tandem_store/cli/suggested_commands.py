"""The commands that messages suggest, with the store that they are meant for.

The library writes ``tandem-store quarantine list`` and knows of no command line. Whoever follows
that with another store than the default one needs ``--db`` as well, which is put in here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

import click

from tandem_store.database.urls import database_url, shown
from tandem_store.errors import StoreError

# Possessive: what names a store is not taken for a shorter command that names none.
_WORDS: Final = re.compile(r"\btandem-store(?P<words>(?: [a-z][a-z-]*+)++)(?! --(?:db|from)\b)")
_URL: Final = f"{__name__}.url"
#: All before the last @ of what was meant as a URL of a server.
_CREDENTIALS: Final = re.compile(r"^([a-z][\w+.-]*://).*@", re.IGNORECASE | re.DOTALL)


class Suggestion(NamedTuple):
    """A command in a text: its path, and where the words of the path begin."""

    path: tuple[str, ...]
    start: int


def concerns(context: click.Context, url: str) -> None:
    """From now on, commands are suggested with this store, which neither is the default nor named
    by the environment.
    """
    context.meta[_URL] = url


def advised(text: str) -> str:
    """The text with ``--db URL`` in every command that it suggests, if the command needs one."""
    context = click.get_current_context(silent=True)
    if context is None or _URL not in context.meta:
        return text
    option = f" --db {shlex.quote(spelled(context.meta[_URL]))}"
    program = context.find_root().command
    for suggestion in reversed(list(suggestions(text, program))):
        text = text[: suggestion.start] + option + text[suggestion.start :]
    return text


def suggestions(text: str, program: click.Command) -> Iterator[Suggestion]:
    """The commands of ``program`` that a text names with ``tandem-store`` before them."""
    for match in _WORDS.finditer(text):
        if path := _resolved(program, match["words"].split()):
            yield Suggestion(path, match.start("words"))


def spelled(url: str) -> str:
    """The URL as it was typed, or without its password if it has one."""
    try:
        whole, safe = database_url(url).render_as_string(hide_password=False), shown(url)
    except StoreError:
        # None that the program takes, but perhaps a password that the parser stumbled over.
        return _CREDENTIALS.sub(r"\1***@", url)
    return url if safe == whole else safe


def _resolved(program: click.Command, words: list[str]) -> tuple[str, ...]:
    command, path = program, []
    for word in words:
        if not (isinstance(command, click.Group) and word in command.commands):
            break
        command = command.commands[word]
        path.append(word)
    return () if isinstance(command, click.Group) else tuple(path)

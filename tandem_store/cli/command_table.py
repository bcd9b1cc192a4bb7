"""The commands by name, each imported only when it is used.

The help and the version of the program need neither the library nor its dependencies, which take
most of a second to import.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, MutableMapping
from pkgutil import resolve_name
from typing import Final, NamedTuple

import click


class CommandEntry(NamedTuple):
    """Where a command is defined, as ``module:attribute``, and its line in a list of commands."""

    location: str
    summary: str


_COMMANDS: Final = "tandem_store.cli.commands"
ENTRIES: Final[Mapping[str, CommandEntry]] = {
    "approvals": CommandEntry(
        f"{_COMMANDS}.approvals:approvals", "List the approvals that runs wait for."
    ),
    "automations": CommandEntry(
        f"{_COMMANDS}.automations:automations",
        "List automations, show one or its health, or hold one with all of its runs.",
    ),
    "backup": CommandEntry(f"{_COMMANDS}.backup:backup", "Back up the store to one verified file."),
    "copy": CommandEntry(f"{_COMMANDS}.copy:copy", "Copy the store to another database."),
    "db": CommandEntry(
        f"{_COMMANDS}.db:db", "Upgrade the database, or check its revision and tables."
    ),
    "doctor": CommandEntry(
        f"{_COMMANDS}.doctor:doctor", "Look for damage, unsafe settings and open tasks."
    ),
    "dump": CommandEntry(
        f"{_COMMANDS}.dump:dump", "Print the complete store as sorted JSON Lines."
    ),
    "export": CommandEntry(
        f"{_COMMANDS}.export:export",
        "Write runs for other programs, or all files of the engine again.",
    ),
    "hold": CommandEntry(
        f"{_COMMANDS}.hold:hold", "List or release holds on runs and automations."
    ),
    "import": CommandEntry(
        f"{_COMMANDS}.import_command:import_command", "Import a state directory of the engine."
    ),
    "months": CommandEntry(
        f"{_COMMANDS}.months:months",
        "List, create and compact months; detach and attach, forget or drop them.",
    ),
    "quarantine": CommandEntry(
        f"{_COMMANDS}.quarantine:quarantine",
        "List, show, retry or discard items that could not be imported.",
    ),
    "restore": CommandEntry(
        f"{_COMMANDS}.restore:restore", "Restore a backup into a new database."
    ),
    "runs": CommandEntry(
        f"{_COMMANDS}.runs:runs", "List runs, show one, compare two, or hold one."
    ),
    "stats": CommandEntry(
        f"{_COMMANDS}.stats:stats",
        "Count runs, tokens and estimated cost, with success and durations.",
    ),
    "verify": CommandEntry(
        f"{_COMMANDS}.verify:verify", "Compare a state directory of the engine with the store."
    ),
}


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name, as click's groups hold them; each is imported when it is first read."""

    def __init__(self, entries: Mapping[str, CommandEntry]) -> None:
        self._entries = entries
        self._commands: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._commands:
            self._commands[name] = resolve_name(self._entries[name].location)
        return self._commands[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._commands

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._entries, **self._commands})

    def __len__(self) -> int:
        return len({**self._entries, **self._commands})


class CommandGroup(click.Group):
    """A group that lists its commands with complete sentences; click would cut them."""

    def summaries(self) -> list[tuple[str, str]]:
        """Return the name and the summary of each command."""
        return [(name, summary(command)) for name, command in sorted(self.commands.items())]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries())


def summary(command: click.Command) -> str:
    """Return the short help of a command, or else the first sentence of its help."""
    if command.short_help is not None:
        return command.short_help
    paragraph = inspect.cleandoc(command.help or "").partition("\n\n")[0]
    return f"{' '.join(paragraph.split()).partition('. ')[0].removesuffix('.')}."

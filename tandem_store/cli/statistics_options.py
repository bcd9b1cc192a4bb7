"""The options of statistics: by what, of which time, and which runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import click

from tandem_store import RunFilter
from tandem_store.cli import run_filters
from tandem_store.records.statistics_keys import DEFAULT_KEYS, StatisticsKey, StatisticsTime

Command = TypeVar("Command", bound=Callable[..., Any])
Keys = tuple[StatisticsKey, ...]

#: The times that ``--since`` and ``--until`` can be about.
_TIMES: Final = (StatisticsTime.CREATED, StatisticsTime.UPDATED, StatisticsTime.FINISHED)


class _Keys(click.ParamType[Keys]):
    """A parameter that is one key or several, separated by commas."""

    name = "key"
    _names = click.Choice([key.value for key in StatisticsKey])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Keys:
        """Read the keys."""
        if not isinstance(value, str):
            return tuple(value)
        words = [word.strip() for word in value.split(",")]
        return tuple(StatisticsKey(self._names.convert(word, param, ctx)) for word in words)


def by(command: Command) -> Command:
    """Add ``--by`` as ``by``: the keys in their order, each once."""
    return click.option(
        "--by",
        metavar="KEY[,KEY...]",
        type=_Keys(),
        multiple=True,
        callback=_each_once,
        help="Count by day, week, month, automation, tenant, trigger, status or profile; several "
        "are separated by commas, or the option is repeated.  [default: month,status]",
    )(command)


def time(command: Command) -> Command:
    """Add ``--time`` as ``time``."""
    return click.option(
        "--time",
        type=click.Choice([one.value for one in _TIMES]),
        default=StatisticsTime.CREATED.value,
        show_default=True,
        help="The time of a run that days, weeks, months, --since and --until refer to.",
    )(command)


def filters(command: Command) -> Command:
    """Add the options that choose runs, with ``--since`` and ``--until`` about ``--time``."""
    what = "Created, updated or finished (see --time)"
    return run_filters.with_range(command, run_filters.since_and_until(what))


def about(time: str, conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the conditions with ``--since`` and ``--until`` about the time.

    Raises a usage error if the options for that time are given as well.
    """
    if time == StatisticsTime.CREATED:
        return conditions
    moved = dict(conditions)
    for name in ("since", "until"):
        given, own = moved.pop(name), moved[f"{time}_{name}"]
        if given is not None and own is not None:
            raise click.UsageError(
                f"With --time {time}, --{name} and --{time}-{name} are the same. Give one of them."
            )
        moved |= {name: None, f"{time}_{name}": own if given is None else given}
    return moved


def bounds(
    run_filter: RunFilter, time: str, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the first moment of the range of a time, and the first behind it.

    A range without an end ends now, if it has a beginning.
    """
    first, end = getattr(run_filter, f"{time}_from"), getattr(run_filter, f"{time}_to")
    return first, end or (first and now)


def _each_once(
    _context: click.Context, _parameter: click.Parameter, values: tuple[Keys, ...]
) -> Keys:
    return tuple(dict.fromkeys(key for keys in values for key in keys)) or DEFAULT_KEYS

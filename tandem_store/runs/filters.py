"""A filter as SQL, written once for lists, counts, streams and statistics."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, or_

from tandem_store.mapping import to_column
from tandem_store.records import TERMINAL_STATUSES, RunFilter
from tandem_store.schema import runs

_TERMINAL: Final = sorted(status.value for status in TERMINAL_STATUSES)
#: Where ``text`` is looked for.
_TEXTS: Final = (
    runs.c.run_id,
    runs.c.automation_id,
    runs.c.failed_node,
    runs.c.failure_reason,
    runs.c.detail,
)


def conditions(run_filter: RunFilter) -> tuple[ColumnElement[bool], ...]:
    """What a row of ``runs`` must satisfy; empty for a filter that lets all pass."""
    return (*_choices(run_filter), *_times(run_filter), *_texts(run_filter), *_ended(run_filter))


def facts(run_filter: RunFilter) -> dict[str, Any]:
    """What the filter says, as JSON: equal for filters that say the same in other words."""
    return {
        "choices": {name: sorted(wanted) for name, wanted in run_filter.choices()},
        "ranges": [list(range_) for range_ in run_filter.ranges()],
        "text": run_filter.text,
        "terminal": run_filter.terminal,
    }


def _choices(run_filter: RunFilter) -> Iterator[ColumnElement[bool]]:
    for name, wanted in run_filter.choices():
        yield _one_of(name, [to_column(value) for value in sorted(wanted)])


def _one_of(name: str, stored: Collection[str]) -> ColumnElement[bool]:
    column = runs.c[name]
    # An equality, not a list of one: with it an index gives the order of the listing as well.
    return column == next(iter(stored)) if len(stored) == 1 else column.in_(stored)


def _times(run_filter: RunFilter) -> Iterator[ColumnElement[bool]]:
    for name, first, end in run_filter.ranges():
        if first is not None:
            yield runs.c[name] >= first
        if end is not None:
            yield runs.c[name] < end


def _texts(run_filter: RunFilter) -> Iterator[ColumnElement[bool]]:
    if run_filter.text is not None:
        wanted = to_column(run_filter.text)
        yield or_(*(column.icontains(wanted, autoescape=True) for column in _TEXTS))


def _ended(run_filter: RunFilter) -> Iterator[ColumnElement[bool]]:
    if run_filter.terminal is not None:
        status = runs.c.status
        yield status.in_(_TERMINAL) if run_filter.terminal else status.not_in(_TERMINAL)

"""The orders of lists: by which column, in which direction, and from where on.

Runs with equal values are sorted by their ids, in the same direction. Runs that have no value, as
those that did not finish have no duration, come last in either direction: a list is two stretches,
one behind the other, and each is one walk of an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Select, bindparam, tuple_

from tandem_store.records import RunOrder
from tandem_store.runs.selection import Shape
from tandem_store.tables import runs

_COLUMNS: Final[dict[RunOrder, Column[Any]]] = {
    RunOrder.CREATED: runs.c.created_at_ms,
    RunOrder.UPDATED: runs.c.updated_at_ms,
    RunOrder.FINISHED: runs.c.finished_at_ms,
    RunOrder.DURATION: runs.c.duration_ms,
    RunOrder.COST: runs.c.estimated_cost_usd,
    RunOrder.TOKENS: runs.c.total_tokens,
}


class Side(StrEnum):
    """On which side of a position the runs of a page are, in the order of the listing.

    AFTER and BEFORE leave out the run at the position. FROM and UNTIL include it: they turn back
    from an empty page.
    """

    AFTER = "after"
    FROM = "from"
    BEFORE = "before"
    UNTIL = "until"

    @property
    def is_forwards(self) -> bool:
        """Whether the page is read in the order of the listing."""
        return self in (Side.AFTER, Side.FROM)

    @property
    def is_inclusive(self) -> bool:
        """Whether the run at the position is on the page."""
        return self in (Side.FROM, Side.UNTIL)

    @property
    def other(self) -> Side:
        """The side with every run that is not on this one."""
        return _OTHER[self]


_OTHER: Final = {
    Side.AFTER: Side.UNTIL,
    Side.UNTIL: Side.AFTER,
    Side.BEFORE: Side.FROM,
    Side.FROM: Side.BEFORE,
}


@dataclass(frozen=True, slots=True)
class Position:
    """A point in a list: a value, None for runs without one, and among equal ones an id."""

    value: float | None
    run_id: str
    side: Side = Side.AFTER


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order and its direction: the newest, or greatest, first, or in reverse."""

    order: RunOrder = RunOrder.CREATED
    newest_first: bool = True

    @property
    def column(self) -> Column[Any]:
        """The column that the runs are sorted by."""
        return _COLUMNS[self.order]

    def stretches(self, start: Position | None) -> Iterator[Stretch]:
        """Yield the stretches to read from a position on, or from the beginning of the list."""
        forwards = start is None or start.side.is_forwards
        kinds = [True, False] if self.column.nullable else [True]
        if start is None:
            yield from (Stretch(self, has_value) for has_value in kinds)
            return
        has_value = start.value is not None
        yield Stretch(self, has_value, forwards, start.side)
        # Behind the runs with a value come those without, and the other way round.
        if len(kinds) > 1 and has_value is forwards:
            yield Stretch(self, not has_value, forwards)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The runs of a list that have a value to sort by, or those that have none.

    Without a ``side`` it is read from its beginning, or backwards from its end.
    """

    ordering: Ordering
    has_value: bool
    forwards: bool = True
    side: Side | None = None

    def of(self, query: Select[Any], shape: Shape) -> Select[Any]:
        """Return the query for the selected runs of the stretch, the nearest first.

        If there is a side, ``values_of`` has the values of its position.
        """
        column = self.ordering.column
        both = (column, runs.c.run_id)
        key = both if self.has_value else both[1:]
        query = query.where(*shape.conditions())
        if column.nullable:
            query = query.where(column.is_not(None) if self.has_value else column.is_(None))
        descending = self.ordering.newest_first is self.forwards
        if self.side is not None:
            query = query.where(_beyond(key, descending, inclusive=self.side.is_inclusive))
        # Also by a column that is null throughout: else PostgreSQL would not use the index's order.
        return query.order_by(*(one.desc() if descending else one.asc() for one in both))

    def values_of(self, start: Position | None) -> dict[str, Any]:
        """Return the values of the parameters in the query: none if it begins nowhere."""
        if start is None or self.side is None:
            return {}
        by_id = {"start_id": start.run_id}
        return {"start_value": start.value, **by_id} if self.has_value else by_id


def _beyond(
    key: tuple[Column[Any], ...], descending: bool, *, inclusive: bool
) -> ColumnElement[bool]:
    names = ("start_value", "start_id")[-len(key) :]
    start = [bindparam(name, type_=one.type) for name, one in zip(names, key, strict=True)]
    # One column is no tuple: SQLite has no row values of one.
    row: Any = tuple_(*key) if len(key) > 1 else key[0]
    position: Any = tuple_(*start) if len(key) > 1 else start[0]
    if inclusive:
        return row <= position if descending else row >= position  # type: ignore[no-any-return]
    return row < position if descending else row > position  # type: ignore[no-any-return]

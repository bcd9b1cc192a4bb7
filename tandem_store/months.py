"""The months of a store: their states, and what they hold.

``database.partitions`` creates and finds their tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, or_, select

from tandem_store import archives
from tandem_store.archives import MonthArchive
from tandem_store.clock import now_ms
from tandem_store.database import partitions
from tandem_store.database.damaged_rows import stored_month
from tandem_store.database.read_only import ReadOnly
from tandem_store.mapping.compression import FORGOTTEN, WITH_DICTIONARY
from tandem_store.month import Month
from tandem_store.tables import months, runs

#: Months after the current one that are made by default: enough for a deploy every eight weeks.
AHEAD: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthState:
    """One month; ``state`` is ``attached`` or ``detached``."""

    month: Month
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSummary(MonthState):
    """One month, and how much is in it."""

    runs: int
    #: How many of the runs have a document that was compacted.
    compacted: int
    #: Of how many of the runs the content was forgotten.
    forgotten: int
    #: Bytes of the compressed documents, without indexes; 0 for a detached month.
    bytes: int
    #: Where a detached month is; None for one that is attached.
    archive: MonthArchive | None = None


class _Documents(NamedTuple):
    """The documents of a month: how many were compacted or forgotten, and the bytes of all."""

    compacted: int
    forgotten: int
    bytes: int


class MonthReader(ReadOnly):
    """The months as the connection's transaction sees them; cannot write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def states(self) -> Iterator[MonthState]:
        """Yield every month, oldest first, without counting its runs."""
        return self._states(select(months.c.month, months.c.state))

    def in_use(self) -> Iterator[MonthState]:
        """Yield every month that holds runs or is detached, oldest first."""
        held = select(runs.c.month).where(runs.c.month == months.c.month)
        return self._states(
            select(months.c.month, months.c.state).where(
                or_(held.exists(), months.c.state == "detached")
            )
        )

    def list(self) -> tuple[MonthSummary, ...]:
        """Return every month, oldest first; runs and bytes are counted now."""
        held = self._runs()
        detached = {one.month: one for one in self.archives() if one.is_detached}
        return tuple(
            MonthSummary(
                month=known.month,
                state=known.state,
                runs=held.get(known.month, 0),
                compacted=documents.compacted,
                forgotten=documents.forgotten,
                bytes=documents.bytes,
                archive=detached.get(known.month),
            )
            for known in self.states()
            for documents in [self._documents(known)]
        )

    def archives(self) -> tuple[MonthArchive, ...]:
        """Return the archives of detached and dropped months, and those that were begun only."""
        return tuple(archives.all_of(self._connection))

    def _states(self, query: Select[Any]) -> Iterator[MonthState]:
        for row in self._connection.execute(query.order_by(months.c.month)).all():
            yield MonthState(month=stored_month(row.month, "A row of the months"), state=row.state)

    def _runs(self) -> Mapping[Month, int]:
        query = select(runs.c.month, func.count().label("held")).group_by(runs.c.month)
        return {row.month: row.held for row in self._connection.execute(query)}

    def _documents(self, known: MonthState) -> _Documents:
        if known.state == "detached":
            return _Documents(0, 0, 0)
        table = partitions.document_table(self._connection, known.month)
        query = select(
            func.count().filter(table.c.encoding == WITH_DICTIONARY),
            func.count().filter(table.c.encoding == FORGOTTEN),
            func.coalesce(func.sum(func.length(table.c.document)), 0),
        )
        row = self._connection.execute(query.where(table.c.month == known.month)).one()
        compacted, forgotten, size = row
        return _Documents(compacted, forgotten, int(size))


def coming(ahead: int = AHEAD) -> tuple[Month, ...]:
    """Return the current month and the ``ahead`` months after it."""
    current = Month.of_ms(now_ms())
    return tuple(current.later(months) for months in range(ahead + 1))


class Months(MonthReader):
    """The months, for reading and making them; the connection's owner commits."""

    def ensure(self, wanted: Collection[Month] = (), *, ahead: int = AHEAD) -> tuple[Month, ...]:
        """Make the tables of the ``wanted`` months, or of the current month and ``ahead`` more.

        Returns those that were missing. Raises ``MonthDetachedError`` for a month that is detached.
        """
        return partitions.ensure(self._connection, wanted or coming(ahead))

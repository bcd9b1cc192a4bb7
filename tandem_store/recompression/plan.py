"""Which months are compacted, and how much of each is left to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import URL, Connection, select

from tandem_store.clock import now_ms
from tandem_store.database import partitions
from tandem_store.month import MILLISECONDS_PER_DAY, Month
from tandem_store.recompression.documents import Documents
from tandem_store.store import open_store
from tandem_store.tables import months

#: Days that a month must be over before it is compacted unasked. A run that is updated after the
#: end of its month leaves it, and most runs that are still open are updated within days.
GRACE_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """A month, and its documents that are not compacted yet: how many, and their bytes."""

    month: Month
    runs: int
    bytes: int


def plan_compacting(url: str | URL, wanted: Collection[Month] = ()) -> list[MonthPlan]:
    """Return what ``compact_months`` would do: the months with something left to do, oldest first.

    Raises:
        NotFoundError: the store has no such month.
        MonthDetachedError: one of the ``wanted`` months is detached.
    """
    with open_store(url) as store, store.read() as tx:
        return [one for one in plans(tx.connection, chosen(tx.connection, wanted)) if one.runs]


def chosen(connection: Connection, wanted: Collection[Month]) -> list[Month]:
    """Return the ``wanted`` months, or all that are attached and have been over for long enough.

    They are sorted. Raises what ``plan_compacting`` does.
    """
    for month in sorted(wanted):
        partitions.refuse_unless_attached(connection, month)
    if wanted:
        return sorted(set(wanted))
    first_open = Month.of_ms(now_ms() - GRACE_DAYS * MILLISECONDS_PER_DAY)
    over = select(months.c.month).where(months.c.state == "attached", months.c.month < first_open)
    found = connection.execute(over.order_by(months.c.month))
    return list(found.scalars())


def plans(connection: Connection, months: Collection[Month]) -> list[MonthPlan]:
    """Return what is left to do in each of the months, nothing too."""
    return [MonthPlan(month, *Documents.of(connection, month).left(connection)) for month in months]

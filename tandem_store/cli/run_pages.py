"""The pages of ``runs list``: one of them, or all that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tandem_store import ReadTransaction, RunSummary
from tandem_store.cli.run_filters import Query
from tandem_store.records import RunOrder
from tandem_store.runs import DetachedMonth

#: The most runs that one page may have, which is how many are in memory if all are listed.
_LARGEST: Final = 1_000


@dataclass(slots=True)
class RunPages:
    """The runs of a query, page by page, in one transaction."""

    tx: ReadTransaction
    query: Query
    order: RunOrder
    reverse: bool
    limit: int
    everything: bool
    #: How many runs the pages had that were read.
    shown: int = 0
    #: The cursor of the page behind the last that was read, as users get it.
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[tuple[RunSummary, ...]]:
        """Yield the runs of each page; at least one page, which may be empty."""
        cursor = self.query.cursor
        while True:
            page = self.tx.runs.list(
                self.query.filter,
                limit=_LARGEST if self.everything else self.limit,
                cursor=cursor,
                order_by=self.order,
                newest_first=not self.reverse,
            )
            self.shown += len(page.items)
            cursor = page.next_cursor
            self.next_cursor = self.query.next_cursor(cursor)
            yield page.items
            if cursor is None or not self.everything:
                return

    def left_out(self) -> tuple[DetachedMonth, ...]:
        """Return the detached months, whose runs are on no page."""
        return self.tx.runs.detached()

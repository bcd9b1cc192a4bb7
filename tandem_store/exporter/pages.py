"""The runs of an export in pages, as one moment of a store has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tandem_store.records import RunFilter, RunSummary
from tandem_store.store import ReadTransaction


def pages(
    tx: ReadTransaction, run_filter: RunFilter | None, size: int
) -> Iterator[Sequence[RunSummary]]:
    """Yield the runs that pass the filter, the oldest created first, at most ``size`` at a time."""
    cursor: str | None = None
    while True:
        page = tx.runs.list(run_filter, limit=size, cursor=cursor, newest_first=False)
        yield page.items
        if (cursor := page.next_cursor) is None:
            return

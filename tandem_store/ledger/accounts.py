"""What the report of an import asks of the ledger: the copies in some files, counted and listed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select

from tandem_store.ledger.outcomes import CopyOutcome, Reason
from tandem_store.ledger.rows import DatedRun, Tally
from tandem_store.month import Month
from tandem_store.tables import import_entries, import_files, quarantine, runs

#: How many ids are listed in one statement.
BATCH: Final = 500
#: For results that may have a row for every file of a folder or every run of a hot file: a thousand
#: rows at a time, by a cursor on the server, where the driver would otherwise fetch all at once.
STREAMED: Final = {"yield_per": 1_000}


class Accounts:
    """Queries about files that are given by their numbers; part of ``LedgerReader``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tallies(self, file_ids: Sequence[int]) -> Iterator[Tally]:
        """Yield how many copies the files held when they were last read, by outcome and month."""
        entry = import_entries.c
        counted = (
            select(import_files.c.source, entry.import_id, entry.outcome, entry.month, func.count())
            .join_from(import_files, import_entries)
            .where(entry.seen_import_id == import_files.c.import_id)
            .group_by(import_files.c.source, entry.import_id, entry.outcome, entry.month)
        )
        for first in range(0, len(file_ids), BATCH):
            batch = import_files.c.id.in_(file_ids[first : first + BATCH])
            yield from (Tally(*row) for row in self._connection.execute(counted.where(batch)))

    def winners_with_reason(self, file_ids: Sequence[int]) -> Iterator[tuple[str, Reason]]:
        """Yield run id and reason of the copies in these files that were used and have a reason."""
        entry = import_entries.c
        named = select(entry.run_id, entry.reason).where(
            entry.outcome.in_([CopyOutcome.IMPORTED.value, CopyOutcome.RESTORED_FROM.value]),
            entry.reason.is_not(None),
        )
        for first in range(0, len(file_ids), BATCH):
            batch = entry.file_id.in_(file_ids[first : first + BATCH])
            for run_id, reason in self._connection.execute(named.where(batch)):
                yield run_id, Reason.of_column(reason)

    def unchanged_in_quarantine(
        self, file_ids: Sequence[int], import_id: int | None
    ) -> Counter[str]:
        """Return how many copies in these files an earlier import has quarantined, by source.

        Discarded items do not count.
        """
        entry = import_entries.c
        counted = (
            select(import_files.c.source, func.count(entry.id.distinct()))
            .join_from(import_entries, import_files)
            .join(quarantine, quarantine.c.entry_id == entry.id)
            .where(
                entry.seen_import_id == import_files.c.import_id,
                quarantine.c.discarded_at_ms.is_(None),
            )
            .group_by(import_files.c.source)
        )
        if import_id is not None:
            counted = counted.where(entry.import_id != import_id)
        found = Counter[str]()
        for first in range(0, len(file_ids), BATCH):
            batch = import_files.c.id.in_(file_ids[first : first + BATCH])
            for source, copies in self._connection.execute(counted.where(batch)):
                found[source] += copies
        return found

    def dated_after(self, limit_ms: int, file_ids: Sequence[int]) -> Iterator[DatedRun]:
        """Yield the stored runs with a copy in these files that are dated after ``limit_ms``.

        The order is that of the ids. A run is dated by its creation or update, whichever is later.
        Times are milliseconds.
        """
        query = (
            select(
                runs.c.run_id,
                runs.c.created_at_ms,
                runs.c.updated_at_ms,
                runs.c.month,
                import_entries.c.file_id,
            )
            .join(import_entries, import_entries.c.run_id == runs.c.run_id)
            .where(
                # The month is in an index; the times alone would be looked up in every row.
                runs.c.month >= Month.of_ms(limit_ms),
                or_(runs.c.created_at_ms > limit_ms, runs.c.updated_at_ms > limit_ms),
            )
            .order_by(runs.c.run_id)
        )
        known = sorted(file_ids)
        found = self._connection.execute(query, execution_options=STREAMED)
        for run_id, rows in groupby(found, key=lambda row: row.run_id):
            copies = list(rows)
            if any(_is_in(known, row.file_id) for row in copies):
                yield _dated(run_id, copies[0])


def _is_in(known: Sequence[int], file_id: int) -> bool:
    at = bisect_left(known, file_id)
    return at < len(known) and known[at] == file_id


def _dated(run_id: str, row: Any) -> DatedRun:
    at_ms = max(row.created_at_ms, row.updated_at_ms)
    return DatedRun(run_id, at_ms, row.month)

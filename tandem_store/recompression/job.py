"""Compacting: a dictionary for some months together, then each document anew, then the room.

A document is replaced only by bytes that were decompressed and compared with it, in a short
transaction that looks again whether it is still the same. So services may go on writing, and a
killed job has lost nothing: the next one goes on with what is left.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import URL, Connection, Row

from tandem_store import dictionaries
from tandem_store.copying.parts import Batch, Key
from tandem_store.database import partitions, space
from tandem_store.database.locks.jobs import months_lock
from tandem_store.database.urls import database_url
from tandem_store.month import Month
from tandem_store.progress import Progress, ignore_progress
from tandem_store.recompression.documents import Documents, Replacement
from tandem_store.recompression.plan import MonthPlan, chosen, plans
from tandem_store.recompression.recompressor import Kept, Recompressor
from tandem_store.recompression.report import CompactedMonth, CompactReport
from tandem_store.recompression.training import SAMPLE, Candidate, Sample
from tandem_store.store import Store, open_store

#: Compressed anew and written in one transaction, which on SQLite keeps other writers waiting.
DEFAULT_BATCH: Final = Batch(rows=100, size=4_000_000)
#: Bytes of documents for which a dictionary is chosen together. Smaller months do not pay for a
#: dictionary of their own, and of greater ones it is a small part.
_TOGETHER: Final = 64_000_000
#: How many of the dictionaries that are there already are tried before new ones.
_TRIED: Final = 5


def compact_months(
    url: str | URL,
    wanted: Collection[Month] = (),
    *,
    batch: Batch = DEFAULT_BATCH,
    progress: Progress | None = None,
) -> CompactReport:
    """Compress the documents of months with a dictionary, and give back the room that this frees.

    Without ``wanted`` these are all months that have been over for more than seven days. What a
    store holds does not change, nor do revisions. Others may read and write meanwhile; a run that
    they update is stored as before, until its month is compacted again. After an interruption the
    same call continues. ``batch`` is how much one transaction writes at most: documents and bytes.
    ``progress`` is called with the phase, how many documents are done, and how many there are.

    Raises:
        NotFoundError: the store has no such month.
        MonthDetachedError: one of the ``wanted`` months is detached.
        StoreLockedError: another process is compacting months of this store.

    >>> report = compact_months(filled_url)  # of so few runs, none would become smaller
    >>> report.runs, report.damaged
    (0, 0)
    """
    began = time.monotonic()
    target = database_url(url)
    with months_lock(target), open_store(target) as store:
        report = _Job(target, store, batch, progress or ignore_progress).run(wanted)
    report.seconds = time.monotonic() - began
    return report


def together(todo: Iterable[MonthPlan]) -> Iterator[list[MonthPlan]]:
    """Yield the months in groups, for each of which one dictionary is chosen."""
    group: list[MonthPlan] = []
    for month in todo:
        group.append(month)
        if sum(one.bytes for one in group) >= _TOGETHER:
            yield group
            group = []
    if group:
        yield group


@dataclass(slots=True)
class _Job:
    """One job at work; it holds the lock."""

    url: URL
    store: Store
    batch: Batch
    progress: Progress
    _done: int = 0
    _total: int = 0

    def run(self, wanted: Collection[Month]) -> CompactReport:
        with self.store.read() as tx:
            months = chosen(tx.connection, wanted)
            todo = [plan for plan in plans(tx.connection, months) if plan.runs]
            before = space.database_bytes(tx.connection)
        with self.store.begin() as tx:
            dictionaries.forget_unlisted(tx.connection)
        self._total = sum(plan.runs for plan in todo)
        items = [item for group in together(todo) for item in self._compact(group)]
        self._unlist(months)
        self._give_back([item.month for item in items if item.runs])
        with self.store.read() as tx:
            after = space.database_bytes(tx.connection)
        return CompactReport(items=items, database_bytes_before=before, database_bytes_after=after)

    def _compact(self, group: Sequence[MonthPlan]) -> Iterator[CompactedMonth]:
        candidate = self._candidate(group)
        months = [plan.month for plan in group]
        recompressor = None if candidate is None else self._recompressor(months, candidate)
        for month in months:
            with self.store.read() as tx:
                documents = Documents.of(tx.connection, month)
                size = documents.size(tx.connection)
            item = CompactedMonth(month=month, bytes_before=size, bytes_after=size)
            if recompressor is not None:
                self._rewrite(documents, recompressor, item)
            yield item

    def _candidate(self, group: Sequence[MonthPlan]) -> Candidate | None:
        """Choose the dictionary for some months."""
        self.progress("choosing a dictionary", 0, 1)
        size = sum(plan.bytes for plan in group)
        part = min(Fraction(1), Fraction(SAMPLE, size).limit_denominator(1_000))
        with self.store.read() as tx:
            sample = Sample(self._sampled(tx.connection, group, part), part)
            stored = dictionaries.newest(tx.connection, _TRIED)
            taken = dictionaries.numbers(tx.connection)
        best = sample.best(stored, taken)
        self.progress("choosing a dictionary", 1, 1)
        return best

    def _sampled(
        self, connection: Connection, group: Sequence[MonthPlan], part: Fraction
    ) -> Iterator[bytes]:
        for plan in group:
            yield from Documents.of(connection, plan.month).sample(connection, part)

    def _recompressor(self, months: Sequence[Month], candidate: Candidate) -> Recompressor:
        """Store the dictionary before any document needs it, and use it as others will read it."""
        number = candidate.dictionary.dict_id
        with self.store.begin() as tx:
            for month in months:
                dictionaries.list_for_month(
                    tx.connection, month, candidate.dictionary, candidate.content
                )
        with self.store.read() as tx:
            return Recompressor(dictionaries.read(tx.connection, number))

    def _rewrite(
        self, documents: Documents, recompressor: Recompressor, item: CompactedMonth
    ) -> None:
        for rows in self._batches(documents):
            made = [recompressor.recompressed(row) for row in rows]
            item.damaged += made.count(Kept.DAMAGED)
            new = [one for one in made if isinstance(one, Replacement)]
            with self.store.begin() as tx:
                item.runs += documents.replace(tx.connection, new)
            self._done += len(rows)
            self.progress("compacting", self._done, max(self._done, self._total))
        with self.store.read() as tx:
            item.bytes_after = documents.size(tx.connection)

    def _batches(self, documents: Documents) -> Iterator[Sequence[Row[Any]]]:
        # Each in a transaction of its own: while one is open, what is deleted cannot be given back.
        after: Key | None = None
        while True:
            with self.store.read() as tx:
                rows = documents.batch(tx.connection, after, self.batch)
            if not rows:
                return
            yield rows
            after = (rows[-1].run_id,)

    def _unlist(self, months: Sequence[Month]) -> None:
        """Note which dictionaries the months no longer need; the next job deletes them.

        Not this one: a reader that has found a document just before it was replaced may be about to
        read its dictionary.
        """
        for month in months:
            with self.store.read() as tx:
                listed = dictionaries.listed_for_month(tx.connection, month)
                needed = Documents.of(tx.connection, month).needed(tx.connection, listed)
            if unneeded := listed - needed:
                with self.store.begin() as tx:
                    dictionaries.unlist(tx.connection, month, unneeded)

    def _give_back(self, months: Iterable[Month]) -> None:
        space.vacuum(self.url, map(partitions.table_name, months))
        more = True
        while more:
            with self.store.begin() as tx:
                more = space.give_back_some(tx.connection)

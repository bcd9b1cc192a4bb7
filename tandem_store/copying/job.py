"""The copy: months, then every part in batches, then the comparison, then the target opens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DataError, IntegrityError

from tandem_store import tables
from tandem_store.copying import parts
from tandem_store.copying.comparison import differences
from tandem_store.copying.parts import DEFAULT_BATCH, Batch, StorePart, without_quarantined_bytes
from tandem_store.copying.report import CopyReport
from tandem_store.copying.source import StoreView, counts, parts_of
from tandem_store.copying.target import Target, found_in, prepared
from tandem_store.database import revisions
from tandem_store.database.locks.jobs import bulk_load_lock
from tandem_store.database.urls import are_same, database_url
from tandem_store.errors import StoreError
from tandem_store.progress import Progress, ignore_progress
from tandem_store.store import Store, open_any_revision, open_store

_BUSY: Final = "Another copy into this store, or an import, is running; wait for its end."


def copy_store(
    source: str | URL,
    target: str | URL,
    *,
    batch: Batch = DEFAULT_BATCH,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy a complete store into another database, which is made and upgraded if need be.

    The source is only read, as it is at one moment. The target cannot be opened until it has been
    compared with the source, row by row; if the report has ``differences``, it stays closed. After
    an interruption the same call continues; once a copy is finished, it only compares.

    ``batch`` is how much one transaction writes at most: rows, and bytes of documents. ``progress``
    is called with the phase, how many rows are done, and how many there are.

    Raises:
        StoreError: the target holds something else, or is the source.
        SchemaBehindError: the source must be upgraded first.
        StoreLockedError: another copy or import is filling the target.

    >>> report = copy_store(filled_url, str(folder / "copy.db"))
    >>> report.tables["runs"], report.differences
    (3, [])
    """
    began = time.monotonic()
    origin, goal = database_url(source), database_url(target)
    if are_same(origin, goal):
        raise StoreError("The source and the target are the same database; name another target.")
    with open_store(origin) as store, bulk_load_lock(goal, busy=_BUSY), store.read() as tx:
        view, report_progress = StoreView(tx.connection), progress or ignore_progress
        report = _finished_before(view, goal, batch, report_progress)
        if report is None:
            with prepared(goal, view.mark()) as prepared_target:
                report = _Copy(view, prepared_target, batch, report_progress).run()
    report.seconds = time.monotonic() - began
    return report


def fill_scratch_store(source: Connection, scratch: Store) -> None:
    """Copy the rows of a store into a new, empty one that only the caller knows.

    The bytes in quarantine are left out, and the two are not compared afterwards.
    """
    target = Target(scratch, revisions.HEAD)
    _Copy(StoreView(source), target, DEFAULT_BATCH, ignore_progress).fill()


def _finished_before(
    source: StoreView, goal: URL, batch: Batch, progress: Progress
) -> CopyReport | None:
    """Return the report of a copy that an earlier call has completed; None if no call has.

    That call may have been killed before it could report.
    """
    if found_in(goal) != revisions.HEAD:
        return None
    with open_any_revision(goal) as store:
        copy = _Copy(source, Target(store, revisions.HEAD), batch, progress)
        return copy.report if copy.is_finished() else None


@dataclass(slots=True)
class _Copy:
    """One copy at work."""

    source: StoreView
    target: Target
    batch: Batch
    progress: Progress
    report: CopyReport = field(default_factory=CopyReport)
    _done: int = 0
    _total: int = 0

    def is_finished(self) -> bool:
        self._count_all()
        with self.target.store.read() as tx:
            theirs = StoreView(tx.connection)
            # Quick answers for a target that is something else.
            if counts(theirs.connection) != counts(self.source.connection):
                return False
            if theirs.attached() != self.source.attached():
                return False
        self._compare()
        self.report.finished_before = not self.report.differences
        return self.report.finished_before

    def run(self) -> CopyReport:
        self._count_all()
        self._copy()
        self._compare()
        if not self.report.differences:
            self.target.finish()
        return self.report

    def fill(self) -> None:
        self._count_all()
        self._copy(without_quarantined_bytes)

    def _count_all(self) -> None:
        self.report.tables = counts(self.source.connection)
        self.report.tables[tables.run_documents.name] = self.report.tables[tables.runs.name]
        self.report.months = self.source.runs_by_month()
        self.report.left_behind = self.source.left_behind()

    def _copy(self, prepare: Callable[[StorePart], StorePart] = lambda part: part) -> None:
        months = self.source.months()
        # First of all, because it waits for what a killed copy may have left running on a server.
        self.target.make_months(months)
        attached = self.source.attached()
        with self.target.store.read() as tx:
            there = list(parts_of(tx.connection, attached))
            already = counts(tx.connection)
        self._begin(times=1)
        self._count("copying", sum(already.values()))
        for ours, theirs in zip(parts_of(self.source.connection, attached), there, strict=True):
            if ours.tables != (tables.stored_table(tables.months),):
                self._copy_part(prepare(ours), theirs)

    def _copy_part(self, ours: StorePart, theirs: StorePart) -> None:
        # Rows are committed in the order of their keys, so the last key says how far the copy came.
        with self.target.store.read() as tx:
            after = theirs.last_key(tx.connection)
        for rows in parts.batches(self.source.connection, ours, after, self.batch):
            try:
                with self.target.begin() as connection:
                    parts.insert(connection, theirs, rows)
            except (DataError, IntegrityError) as error:
                raise StoreError(
                    f"The target refuses a row of {ours.name}: {error.orig}"
                ) from error
            self.report.copied += len(rows)
            self._count("copying", len(rows))

    def _compare(self) -> None:
        self._begin(times=2)
        attached = self.source.attached()
        with self.target.store.read() as tx:
            found = differences(
                self.source.connection,
                tx.connection,
                attached,
                self.batch,
                partial(self._count, "comparing"),
            )
            self.report.differences = list(found)

    def _begin(self, *, times: int) -> None:
        # A run and its document are one row of a part.
        copied = self.report.tables
        rows = sum(copied.values()) - copied[tables.run_documents.name]
        self._done, self._total = 0, times * rows

    def _count(self, phase: str, rows: int) -> None:
        self._done += rows
        self.progress(phase, self._done, self._total)

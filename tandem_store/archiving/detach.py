"""Detaching: the month is written to an archive, the archive read back, and then the rows leave.

Note [Detaching]

The archive gets its name inside the transaction in which the rows leave, after that has made sure
that nobody wrote to the month since it was read. So a process that is killed has either not begun
to remove, and the month is in the store as before; or the transaction was committed, and the
archive is complete. Only the row in ``archives`` is written earlier, so that a file that was left
behind is known as ours: the next attempt removes it, and nothing else ever does. The row alone does
not show that, because another store may have put an archive under that name since: the file must
also say that it came from this store, which must have all of its runs.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, delete, select

from tandem_store import archives, dictionaries, snapshots
from tandem_store.archives import ArchiveOrigin
from tandem_store.archiving import archive_file
from tandem_store.archiving.archive_file import MonthSource
from tandem_store.archiving.blockers import refuse_if_blocked
from tandem_store.archiving.content import Content
from tandem_store.archiving.report import DetachReport
from tandem_store.atomic_file import (
    full_disk_named,
    os_errors_as_store_errors,
    publish,
    refuse_unless_room,
    workspace,
)
from tandem_store.batches import batched
from tandem_store.database import partitions, space
from tandem_store.database.bulk import insert_rows
from tandem_store.database.locks.jobs import import_lock, months_lock
from tandem_store.database.urls import database_url
from tandem_store.errors import StoreError, StoreLockedError
from tandem_store.jsontext import canonical
from tandem_store.month import Month, require_month
from tandem_store.progress import Progress, ignore_progress
from tandem_store.runs import totals
from tandem_store.store import Store, open_store, open_to_remove
from tandem_store.tables import detached_runs, month_dictionaries, quarantine, runs, stored_table

#: How often the month is written anew because somebody wrote to it meanwhile. After that everybody
#: else waits while it is written, if the last attempt took less than so many seconds: writers wait
#: for thirty before they fail.
_ATTEMPTS: Final = 3
_SHORT_S: Final = 5.0
#: How long each attempt to keep writers away waits for them, in milliseconds. While it waits, later
#: writers wait for it, so the first ones are short. All are shorter than the second after which
#: PostgreSQL looks for deadlocks: if a writer waits for us, we give up, who have nothing to lose.
_PATIENCE_MS: Final = (100, 200, 400, 800, 800, 800, 800, 800)
_BATCH: Final = 500


def detach_month(
    url: str | URL,
    month: Month,
    folder: str | os.PathLike[str],
    *,
    drop_due_at_ms: int | None = None,
    progress: Progress | None = None,
) -> DetachReport:
    """Move a month into an archive: a file ``YYYY-MM.tandem`` in ``folder``, which is made.

    The archive has the runs of the month with their documents, snapshots and claims, and its
    quarantined items. It is a store that can only be read, and ``attach_month`` brings the month
    back. The store keeps the ids of the runs, which stay taken, and the totals of their tokens and
    cost.

    The month leaves only after the archive was read back and found complete. Services may go on;
    a write to a run of the month waits a moment, and then raises ``MonthDetachedError``. After an
    interruption, the same call does it again. ``drop_due_at_ms`` is when ``retain_months`` may drop
    the month, in milliseconds since 1970, UTC. ``progress`` is called with the phase, how many runs
    are done, and how many there are.

    Raises:
        NotFoundError: the store has no such month.
        MonthDetachedError: it is detached already.
        HeldError: a hold keeps one of its runs.
        StoreError: it has no runs, or runs that have not ended; an import was interrupted; there is
            another file with the name of the archive; or the disk is full.
        NotAStoreError: one of its runs is damaged.
        StoreLockedError: an import, or another job on months, is running; or the runs of the month
            are written to all the time.

    >>> report = detach_month(filled_url, Month.parse("2026-05"), folder / "archives")
    >>> report.runs, report.archive.name
    (3, '2026-05.tandem')
    """
    began, target = time.monotonic(), database_url(url)
    goal = Path(folder).absolute() / archive_file.name_of(require_month(month))
    with open_store(target) as store, import_lock(target), months_lock(target):
        job = _Detach(target, store, month, goal, drop_due_at_ms, progress or ignore_progress)
        with os_errors_as_store_errors():
            report = job.run()
    report.seconds = time.monotonic() - began
    return report


@dataclass(frozen=True, slots=True)
class _Written:
    """An archive that has no name yet, and what the month was like when it was made."""

    made: Path
    origin: ArchiveOrigin
    state: MonthState


@dataclass(slots=True)
class _Detach:
    """One month on its way out; the job holds the locks."""

    url: URL
    store: Store
    month: Month
    goal: Path
    drop_due_at_ms: int | None
    progress: Progress
    _done: int = 0
    _total: int = 0

    def run(self) -> DetachReport:
        with self.store.read() as tx:
            self._refuse(tx.connection)
            size = next(one.bytes for one in tx.months.list() if one.month == self.month)
            before = space.database_bytes(tx.connection)
        archive_file.make_folder(self.goal.parent)
        refuse_unless_room(self.goal.parent, size)
        report = self._detached()
        give_space_back(self.store)
        with self.store.read() as tx:
            after = space.database_bytes(tx.connection)
        report.database_bytes_before, report.database_bytes_after = before, after
        return report

    def _refuse(self, connection: Connection) -> None:
        partitions.refuse_unless_attached(connection, self.month)
        if not Content.of_month(connection, self.month).run_ids:
            raise StoreError(f"The month {self.month} has no runs, so there is nothing to detach.")
        refuse_if_blocked(connection, self.month)
        if os.path.lexists(self.goal) and not self._left_behind(connection):
            raise archive_file.refuse_name(self.goal)

    def _left_behind(self, connection: Connection) -> bool:
        """Whether the file with the archive's name is from an attempt that was interrupted."""
        begun = any(
            one.is_unfinished and one.location == str(self.goal)
            for one in archives.all_of(connection, self.month)
        )
        return begun and archive_file.adds_nothing(
            self.goal, connection, store=archive_file.store_name(self.url)
        )

    def _free_name(self, connection: Connection) -> None:
        """Remove what was left behind under the archive's name; see Note [Detaching]."""
        if os.path.lexists(self.goal):
            if not self._left_behind(connection):
                raise archive_file.refuse_name(self.goal)
            self.goal.unlink()

    def _detached(self) -> DetachReport:
        took = 0.0
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            with workspace(self.goal.parent) as room:
                with self.store.read() as tx:
                    written = self._write(tx.connection, room)
                with self.store.begin() as tx:
                    self._begin(tx.connection, written)
                if report := self._leave(room, written):
                    return report
            took = time.monotonic() - began
        if took < _SHORT_S:
            with workspace(self.goal.parent) as room:
                if report := self._leave(room):
                    return report
        raise StoreLockedError(
            f"Runs of {self.month} are written to all the time, so it was not detached. Wait until "
            "its runs are left alone, then do it again."
        )

    def _write(self, connection: Connection, room: Path) -> _Written:
        """Write the month, as the transaction sees it, into a file and read that back."""
        made = room / self.goal.name
        made.unlink(missing_ok=True)
        state = state_of(connection, self.month)
        self._done, self._total = 0, 3 * len(state.run_ids)  # read, copied, and read back
        source = MonthSource(connection, self.month, archive_file.store_name(self.url))
        with full_disk_named(self.goal.parent):
            return _Written(made, source.write(made, self._count), state)

    def _count(self, number: int) -> None:
        self._done += number
        self.progress("detaching", min(self._done, self._total), self._total)

    def _begin(self, connection: Connection, written: _Written) -> int:
        return archives.begin(
            connection,
            self.month,
            location=str(self.goal),
            digest=written.origin.digest,
            runs=written.origin.runs,
            size=written.made.stat().st_size,
        )

    def _leave(self, room: Path, written: _Written | None = None) -> DetachReport | None:
        """Let the rows leave and the archive appear; None if the month is not as it was read.

        Without ``written``, the archive is made while everybody else waits.
        """
        for patience_ms in _PATIENCE_MS:
            try:
                with open_to_remove(self.url) as store, store.begin() as tx:
                    partitions.lock_for_removal(tx.connection, patience_ms)
                    refuse_if_blocked(tx.connection, self.month)
                    leaving = written or self._write(tx.connection, room)
                    if state_of(tx.connection, self.month) != leaving.state:
                        return None
                    self._free_name(tx.connection)
                    self._remove(tx.connection, leaving)
                    publish(leaving.made, self.goal)
            except StoreLockedError:
                time.sleep(patience_ms / 1_000)
            else:
                return self._report(leaving.origin)
        raise StoreLockedError(
            f"Others kept using the documents of the store, so {self.month} could not leave. It is "
            "in the store as before. Do it again when there is less going on."
        )

    def _report(self, origin: ArchiveOrigin) -> DetachReport:
        return DetachReport(
            month=self.month,
            runs=origin.runs,
            quarantined=origin.quarantined,
            bytes=self.goal.stat().st_size,
            archive=self.goal,
        )

    def _remove(self, connection: Connection, leaving: _Written) -> None:
        archive_id = self._begin(connection, leaving)
        totals.keep(connection, self.month, archive_id)
        keep_ids(connection, self.month, archive_id)
        archives.finish(connection, archive_id, drop_due_at_ms=self.drop_due_at_ms)
        partitions.remove(connection, self.month)
        connection.execute(delete(runs).where(runs.c.month == self.month))
        for batch in batched(leaving.state.item_ids, _BATCH):
            connection.execute(delete(quarantine).where(quarantine.c.id.in_(batch)))
        forget_unneeded(connection, self.month)


@dataclass(frozen=True, slots=True)
class MonthState:
    """What a month was like when it was read.

    Every write to one of its runs changes it, and every decision about a quarantined item.
    """

    run_ids: tuple[str, ...]
    item_ids: tuple[int, ...]
    digest: bytes


def state_of(connection: Connection, month: Month) -> MonthState:
    """Return the state of a month, without its documents and the bytes of its items."""
    content = Content.of_month(connection, month)
    stored, digest = stored_table(runs), hashlib.sha256()
    rows = select(stored).where(stored.c.month == month.key).order_by(stored.c.run_id)
    with connection.execute(rows, execution_options={"yield_per": _BATCH}) as found:
        for row in found:
            digest.update(canonical(list(row)))
    item = quarantine.c
    decisions = select(item.id, item.discarded_at_ms).order_by(item.id)
    for batch in batched(sorted(content.item_ids), _BATCH):
        for row in connection.execute(decisions.where(item.id.in_(batch))):
            digest.update(canonical(list(row)))
    return MonthState(tuple(content.run_ids), tuple(sorted(content.item_ids)), digest.digest())


def keep_ids(connection: Connection, month: Month, archive_id: int) -> None:
    """Keep the ids of the runs of a month that is about to leave."""
    names = [column.name for column in detached_runs.c if column.name != "archive_id"]
    query = select(*(runs.c[name] for name in names)).where(runs.c.month == month)
    with connection.execute(query, execution_options={"yield_per": _BATCH}) as found:
        for rows in found.partitions(_BATCH):
            kept = [{**row._asdict(), "archive_id": archive_id} for row in rows]
            insert_rows(connection, detached_runs, kept)


def forget_unneeded(connection: Connection, month: Month) -> None:
    """Delete the snapshots that were needed by the month only, and note so of its dictionaries.

    Those are deleted by the next job: a reader that has found a document just before it left may be
    about to read its dictionary.
    """
    dictionaries.forget_unlisted(connection)
    listed = month_dictionaries
    connection.execute(delete(listed).where(listed.c.month == month))
    snapshots.forget_unused(connection)


def give_space_back(store: Store) -> None:
    """Give the free pages of an SQLite file back, in short transactions."""
    more = True
    while more:
        with store.begin() as tx:
            more = space.give_back_some(tx.connection)

"""Forgetting: the documents of a month go, and what is listed of its runs stays."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, ColumnElement, Connection, Row, and_, func, select, update

from tandem_store import holds
from tandem_store.archiving import archive_file
from tandem_store.archiving.archive_file import (
    MonthSource,
    at_head,
    opened,
    revisions_of,
    verify,
)
from tandem_store.archiving.blockers import refuse_if_blocked
from tandem_store.archiving.content import Content, Count, digest_of
from tandem_store.archiving.detach import forget_unneeded, give_space_back, state_of
from tandem_store.archiving.report import ForgetReport
from tandem_store.atomic_file import (
    full_disk_named,
    os_errors_as_store_errors,
    publish,
    workspace,
)
from tandem_store.clock import now_ms
from tandem_store.database import partitions, space
from tandem_store.database.locks.jobs import import_lock, months_lock
from tandem_store.database.urls import database_url
from tandem_store.errors import StoreError, StoreLockedError
from tandem_store.mapping.compression import FORGOTTEN
from tandem_store.month import Month, require_month
from tandem_store.progress import Progress, ignore_progress
from tandem_store.store import ReadTransaction, Store, open_store
from tandem_store.tables import runs, stored_table

#: Runs of one transaction, which on SQLite keeps other writers waiting.
_BATCH: Final = 500
_CHANGED: Final = (
    "Runs of {month} were written while it was archived, so nothing was forgotten. Wait until its "
    "runs are left alone, then do it again."
)


def forget_content(
    url: str | URL,
    month: Month,
    *,
    archive_to: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> ForgetReport:
    """Delete the documents of a month, and keep what is listed, counted and added up of its runs.

    Status, times, tokens, cost and the reason of a failure stay; ``get`` raises
    ``ContentForgottenError``. The bytes of the month's quarantined items go, too. With
    ``archive_to``, the month is first written to an archive in that folder, as ``detach_month``
    does; ``attach_month`` restores the content from it.

    SQLite overwrites what it deletes here, and PostgreSQL keeps it until the VACUUM at the end.
    Backups and copies of the store keep it. After an interruption, the same call goes on, also with
    the archive that it has made.
    ``progress`` is called with the phase, how many runs are done, and how many there are.

    Raises:
        NotFoundError: the store has no such month.
        MonthDetachedError: it is detached.
        HeldError: a hold keeps one of its runs.
        StoreError: it has runs that have not ended; an import was interrupted; there is a file with
            the name of the archive; or the disk is full.
        NotAStoreError: one of its runs is damaged, and so cannot be archived.
        StoreLockedError: an import, or another job on months, is running; or runs of the month were
            written while it was archived.

    >>> forget_content(filled_url, Month.parse("2026-05")).runs
    3
    """
    began, target = time.monotonic(), database_url(url)
    require_month(month)
    with (
        os_errors_as_store_errors(),
        open_store(target) as store,
        import_lock(target),
        months_lock(target),
    ):
        report = _Forgetting(target, store, month, progress or ignore_progress).run(archive_to)
    report.seconds = time.monotonic() - began
    return report


def plan_forgetting(url: str | URL, month: Month) -> int:
    """Return of how many runs ``forget_content`` would delete the content; changes nothing.

    Raises as ``forget_content`` does.
    """
    with open_store(url) as store, store.read() as tx:
        return _runs_to_forget(tx.connection, require_month(month))


def _runs_to_forget(connection: Connection, month: Month) -> int:
    """Return how many runs of a month have content; raises if they must keep it."""
    partitions.refuse_unless_attached(connection, month)
    refuse_if_blocked(connection, month)
    return connection.execute(
        select(func.count()).where(_has_content(connection, month))
    ).scalar_one()


def _has_content(connection: Connection, month: Month) -> ColumnElement[bool]:
    table = partitions.document_table(connection, month)
    return and_(table.c.month == month, table.c.encoding != FORGOTTEN)


@dataclass(slots=True)
class _Forgetting:
    """One month whose content is being forgotten; the job holds the locks."""

    url: URL
    store: Store
    month: Month
    progress: Progress
    _done: int = 0

    def run(self, archive_to: str | os.PathLike[str] | None) -> ForgetReport:
        with self.store.read() as tx:
            total = _runs_to_forget(tx.connection, self.month)
            before = space.database_bytes(tx.connection)
        archive = None if archive_to is None else self._archived(Path(archive_to).absolute())
        report = ForgetReport(month=self.month, runs=0, quarantined=0, archive=archive)
        report.database_bytes_before = before
        while forgotten := self._forget_some():
            report.runs += forgotten
            self.progress("forgetting", report.runs, max(total, report.runs))
        with self.store.begin() as tx:
            items = Content.of_month(tx.connection, self.month).item_ids
            report.quarantined = tx.quarantine.discard(items, now_ms=now_ms())
            forget_unneeded(tx.connection, self.month)
        space.vacuum(self.url, [partitions.table_name(self.month), "automation_snapshots"])
        give_space_back(self.store)
        with self.store.read() as tx:
            report.database_bytes_after = space.database_bytes(tx.connection)
        return report

    def _archived(self, folder: Path) -> Path:
        """Write the month to an archive and read it back; nothing is removed before that."""
        archive_file.make_folder(folder)
        goal = folder / archive_file.name_of(self.month)
        if os.path.lexists(goal):
            if not self._is_archived_in(goal):
                raise archive_file.refuse_name(goal)
            return goal  # by a call that was interrupted before it had forgotten everything
        with workspace(folder) as room:
            with full_disk_named(folder), self.store.read() as tx:
                state = state_of(tx.connection, self.month)
                source = MonthSource(tx.connection, self.month, archive_file.store_name(self.url))
                source.write(room / goal.name, self._count(3 * len(state.run_ids)))
            with self.store.read() as tx:
                if state_of(tx.connection, self.month) != state:
                    raise StoreLockedError(_CHANGED.format(month=self.month))
            publish(room / goal.name, goal)
        return goal

    def _is_archived_in(self, path: Path) -> bool:
        """Whether an archive has every run of the month, and all content that is left of it."""
        with self.store.read() as tx, suppress(StoreError), at_head(path) as readable:
            verify(readable, lambda _: None)
            with opened(readable) as archive:
                left = self._left(tx)
                return revisions_of(archive) == self._revisions(tx.connection) and digest_of(
                    archive, left, lambda _: None, check=False
                ) == digest_of(tx.connection, left, lambda _: None, check=False)
        return False

    def _revisions(self, connection: Connection) -> dict[str, int]:
        return revisions_of(connection, Content.of_month(connection, self.month).run_ids)

    def _left(self, tx: ReadTransaction) -> Content:
        """Return the runs that have content, and the items that were not discarded."""
        table = partitions.document_table(tx.connection, self.month)
        has_content = _has_content(tx.connection, self.month)
        run_ids = tx.connection.scalars(select(table.c.run_id).where(has_content))
        items = set(Content.of_month(tx.connection, self.month).item_ids)
        return Content(sorted(run_ids), [one.id for one in tx.quarantine.list() if one.id in items])

    def _count(self, total: int) -> Count:
        def count(number: int) -> None:
            self._done += number
            self.progress("archiving", min(self._done, total), total)

        return count

    def _forget_some(self) -> int:
        with self.store.begin() as tx:
            overwrite_what_is_deleted(tx.connection)
            rows = self._remembered(tx.connection)
            # Asked each time, of what is locked: somebody may have held one of the runs meanwhile,
            # or taken it up again.
            holds.keep_from_holding(tx.connection)
            refuse_if_blocked(tx.connection, self.month)
            self._empty(tx.connection, rows)
        return len(rows)

    def _remembered(self, connection: Connection) -> Sequence[Row[str, int, int]]:
        """Return some documents that have content; their runs are locked."""
        table = stored_table(partitions.document_table(connection, self.month))
        run = stored_table(runs).c
        # By the runs, as whoever writes one: with the documents first, each would wait for the
        # other.
        query = (
            select(table.c.run_id, table.c.month, table.c.schema_version)
            .join_from(table, stored_table(runs), run.run_id == table.c.run_id)
            .where(
                table.c.month == self.month.key,
                run.month == self.month.key,
                table.c.encoding != FORGOTTEN,
            )
        )
        order = query.order_by(table.c.run_id).limit(_BATCH)
        return list(connection.execute(order.with_for_update(of=run.run_id)))

    def _empty(self, connection: Connection, rows: Sequence[Row[str, int, int]]) -> None:
        table = stored_table(partitions.document_table(connection, self.month))
        emptied = [{**row._asdict(), "encoding": FORGOTTEN, "document": b""} for row in rows]
        space.rewrite_rows(connection, table, emptied, key=(table.c.month, table.c.run_id))
        ids = [row.run_id for row in rows]
        connection.execute(update(runs).where(runs.c.run_id.in_(ids)).values(snapshot_id=None))


def overwrite_what_is_deleted(connection: Connection) -> None:
    """Let SQLite write zeros over what this connection deletes; PostgreSQL has nothing like it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")

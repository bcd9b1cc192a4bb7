"""Dropping: a detached month is given up, with its archive; only ids and totals stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, delete, select

from tandem_store import archives, holds
from tandem_store.archives import ArchiveOrigin, MonthArchive
from tandem_store.archiving.archive_file import opened, store_name
from tandem_store.archiving.report import DropReport
from tandem_store.database import dialect, partitions
from tandem_store.database.locks.jobs import months_lock
from tandem_store.database.urls import database_url
from tandem_store.errors import NotFoundError, StoreError
from tandem_store.month import Month, require_month
from tandem_store.runs import deleted_ids
from tandem_store.store import open_store
from tandem_store.tables import detached_runs

_BATCH: Final = 500


def drop_month(url: str | URL, month: Month) -> DropReport:
    """Give up a detached month for good, and remove its archive.

    The totals of its tokens and cost stay. Its ids may be used again, and a run that is added under
    one goes on with its revisions. A file that is not the archive any more is left alone, and so
    are the archive of the store that this one is a copy of, and copies of the file in other places.
    After an interruption, the same call goes on.

    Raises:
        NotFoundError: the store has no such month.
        StoreError: the month is attached, so detach it first; or its archive cannot be removed,
            after the month was dropped.
        HeldError: a hold keeps one of its runs.
        StoreLockedError: another job on months is running.

    >>> report = detach_month(filled_url, Month.parse("2026-05"), folder / "archives")
    >>> drop_month(filled_url, report.month).removed, report.archive.exists()
    (True, False)
    """
    target = database_url(url)
    require_month(month)
    with open_store(target) as store, months_lock(target):
        with store.begin() as tx:
            archive = _archive_to_drop(tx.connection, month)
            holds.keep_from_holding(tx.connection)
            holds.refuse_held_month(tx.connection, month)
            if archive.is_detached:
                _give_up(tx.connection, archive)
        return _removed(archive, store_name(target))


def plan_drop(url: str | URL, month: Month) -> MonthArchive:
    """Return the archive of the month that ``drop_month`` would give up; changes nothing.

    Raises as ``drop_month`` does.
    """
    with open_store(url) as store, store.read() as tx:
        archive = _archive_to_drop(tx.connection, require_month(month))
        holds.refuse_held_month(tx.connection, month)
    return archive


def _archive_to_drop(connection: Connection, month: Month) -> MonthArchive:
    current = archives.current(connection, month)
    if current is not None:
        return current
    if partitions.is_listed(connection, month):
        raise StoreError(
            f"The month {month} is attached. Only a detached month is dropped, so detach it first: "
            f"tandem-store months detach {month} --to DIR"
        )
    for one in archives.all_of(connection, month):
        # Dropped by a call that was interrupted before it removed the file.
        if one.dropped_at_ms is not None and is_the_archive(one):
            return one
    raise NotFoundError(
        f"The store has no month {month}. See which there are with: tandem-store months list"
    )


def is_the_archive(archive: MonthArchive) -> bool:
    """Whether the file at an archive's place is that archive, by what it says of itself."""
    origin = _origin(Path(archive.location))
    return origin is not None and origin.digest == archive.digest


def _origin(path: Path) -> ArchiveOrigin | None:
    if not path.is_file():
        return None
    try:
        with opened(path) as connection:
            return archives.origin_of(connection)
    except StoreError:
        return None


def _give_up(connection: Connection, archive: MonthArchive) -> None:
    now_ms = dialect.now_ms(connection)
    for rows in _detached(connection, archive.id):
        deleted_ids.end_many(connection, rows, deleted_at_ms=now_ms)
    connection.execute(delete(detached_runs).where(detached_runs.c.archive_id == archive.id))
    # The same moment, by which the ids that were dropped are known (``archiving.replaced``).
    archives.drop(connection, archive.id, dropped_at_ms=now_ms)
    partitions.unlist(connection, archive.month)


def _detached(connection: Connection, archive_id: int) -> Iterator[dict[str, int]]:
    """Yield ids and revisions of the runs, some at a time."""
    table = detached_runs.c
    query = select(table.run_id, table.revision).where(table.archive_id == archive_id)
    query = query.order_by(table.run_id).limit(_BATCH)
    rows = connection.execute(query).all()
    while rows:
        yield {row.run_id: row.revision for row in rows}
        rows = connection.execute(query.where(table.run_id > rows[-1].run_id)).all()


def _removed(archive: MonthArchive, store: str) -> DropReport:
    path = Path(archive.location)
    report = DropReport(month=archive.month, runs=archive.runs, archive=path)
    origin = _origin(path)
    if not path.exists():
        report.left = "it was not there"
    elif origin is None or origin.digest != archive.digest:
        report.left = "it is not the archive that the month was detached into"
    elif origin.store != store:
        # This store is a copy, or was moved. The original may need the file still.
        report.left = f"it belongs to the store {origin.store}; remove it if nobody needs it"
    else:
        _remove(path, archive.month)
        report.removed = True
    return report


def _remove(path: Path, month: Month) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise StoreError(
            f"{month} was dropped, but its archive {path} cannot be removed: {error.strerror}. "
            f"Remove it yourself, or go on with: tandem-store months drop {month}"
        ) from error

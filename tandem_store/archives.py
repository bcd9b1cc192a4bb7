"""What a store knows of the archives that its months went into, and an archive of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from tandem_store.clock import now_ms
from tandem_store.database.damaged_rows import stored_month
from tandem_store.database.prepared import Prepared
from tandem_store.month import Month
from tandem_store.tables import archive_origins, archives


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthArchive:
    """An archive: where it was written, and what of. Times are milliseconds since 1970, UTC.

    ``bytes`` is the size of the file. Without ``detached_at_ms``, the month is in the store still,
    because the attempt to detach it did not come to its end.
    """

    id: int
    month: Month
    location: str
    digest: bytes
    runs: int
    bytes: int
    begun_at_ms: int
    detached_at_ms: int | None
    drop_due_at_ms: int | None
    dropped_at_ms: int | None

    @property
    def is_unfinished(self) -> bool:
        """Whether the month has not left the store."""
        return self.detached_at_ms is None

    @property
    def is_detached(self) -> bool:
        """Whether the month is in this archive, and can be attached."""
        return self.detached_at_ms is not None and self.dropped_at_ms is None

    def is_due(self, now_ms: int) -> bool:
        """Whether the month may be dropped at a time in milliseconds since 1970, UTC."""
        due = self.drop_due_at_ms
        return self.is_detached and due is not None and due <= now_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOrigin:
    """What an archive says of itself: its content, and the store that it came from."""

    month: Month
    store: str
    digest: bytes
    runs: int
    quarantined: int
    made_at_ms: int
    tool_version: str


_ORIGIN: Final = Prepared(select(archive_origins.c.month))


def is_archive(connection: Connection) -> bool:
    """Return whether the database is the archive of a month."""
    return _ORIGIN.first(connection, {}) is not None


def origin_of(connection: Connection) -> ArchiveOrigin | None:
    """Return what the archive says of itself; None for a store that is no archive."""
    row = connection.execute(select(archive_origins)).one_or_none()
    return None if row is None else ArchiveOrigin(**row._asdict())


def set_origin(connection: Connection, origin: ArchiveOrigin) -> None:
    """Make the archive of a month out of a store."""
    row = {column.name: getattr(origin, column.name) for column in archive_origins.c}
    connection.execute(insert(archive_origins).values(row))


def all_of(connection: Connection, month: Month | None = None) -> Iterator[MonthArchive]:
    """Yield the archives that were begun, of one month or of all, by month and age."""
    query = select(archives).order_by(archives.c.month, archives.c.id)
    if month is not None:
        query = query.where(archives.c.month == month)
    return map(_archive, connection.execute(query).all())


def current(connection: Connection, month: Month) -> MonthArchive | None:
    """Return the archive that a detached month is in; None if it is not detached."""
    return next((one for one in all_of(connection, month) if one.is_detached), None)


def begin(
    connection: Connection, month: Month, *, location: str, digest: bytes, runs: int, size: int
) -> int:
    """Note that a month is about to leave, in place of earlier attempts; return the number."""
    connection.execute(
        delete(archives).where(archives.c.month == month, archives.c.detached_at_ms.is_(None))
    )
    row = {
        "month": month,
        "location": location,
        "digest": digest,
        "runs": runs,
        "bytes": size,
        "begun_at_ms": now_ms(),
    }
    number: int = connection.execute(
        insert(archives).values(row).returning(archives.c.id)
    ).scalar_one()
    return number


def finish(connection: Connection, archive_id: int, *, drop_due_at_ms: int | None) -> None:
    """Note that the month has left."""
    _set(connection, archive_id, detached_at_ms=now_ms(), drop_due_at_ms=drop_due_at_ms)


def drop(connection: Connection, archive_id: int, *, dropped_at_ms: int) -> None:
    """Note that the month was dropped, at a time in milliseconds since 1970, UTC."""
    _set(connection, archive_id, dropped_at_ms=dropped_at_ms)


def forget(connection: Connection, archive_id: int) -> None:
    """Remove what is known of an archive, whose month came back."""
    connection.execute(delete(archives).where(archives.c.id == archive_id))


def _set(connection: Connection, archive_id: int, **values: Any) -> None:
    connection.execute(update(archives).where(archives.c.id == archive_id).values(values))


def _archive(row: Row[Any]) -> MonthArchive:
    values = row._asdict()
    return MonthArchive(**{**values, "month": stored_month(row.month, "An archive")})

"""What an upgrade would do, found out without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection

from tandem_store.database import revisions
from tandem_store.database.engines import create_engines
from tandem_store.database.portable_files import page_bytes
from tandem_store.database.urls import database_url, sqlite_path

if TYPE_CHECKING:
    from alembic.script import Script


@dataclass(frozen=True, slots=True)
class PendingRevision:
    """A revision that an upgrade would run; ``title`` is a sentence."""

    revision: str
    title: str


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade would do."""

    #: The revision of the database; None for a new one.
    found: str | None
    #: Oldest first; empty if there is nothing to do, and for a new database.
    revisions: tuple[PendingRevision, ...] = ()
    #: How many runs would be filled in from their documents.
    runs: int = 0
    #: About how long that would take, measured on some of the documents.
    seconds: float = 0.0
    #: The bytes of a backup before; None where none is made.
    backup_bytes: int | None = None


def plan_upgrade(url: str | URL) -> UpgradePlan:
    """Return what ``upgrade`` would do with the database at ``url``. It only reads.

    Raises:
        SchemaAheadError: the database is newer than this version of the package.
        NotAStoreError: its revision is not one of ours.
        UnfinishedCopyError: a copy into it was interrupted.
    """
    target = database_url(url)
    found = revisions.current(target)
    if found in {None, revisions.HEAD}:
        return UpgradePlan(found)
    scripts = revisions.pending(found)
    titles = tuple(PendingRevision(script.revision, script.doc) for script in scripts)
    engines = create_engines(target)
    try:
        with engines.read.connect() as connection:
            size = None if sqlite_path(target) is None else page_bytes(connection)
            return UpgradePlan(found, titles, *_estimated(connection, scripts), size)
    finally:
        engines.dispose()


def _estimated(connection: Connection, scripts: list[Script]) -> tuple[int, float]:
    runs, seconds = 0, 0.0
    for script in scripts:
        if (estimate := getattr(script.module, "estimate", None)) is not None:
            its_runs, its_seconds = estimate(connection)
            runs, seconds = runs + its_runs, seconds + its_seconds
    return runs, seconds

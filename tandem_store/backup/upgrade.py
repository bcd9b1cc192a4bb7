"""An upgrade of an SQLite file, with a backup of it as it was."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import URL

from tandem_store.backup import retention
from tandem_store.backup.job import Destination, make
from tandem_store.backup.report import BackupReport
from tandem_store.clock import now_ms
from tandem_store.database import revisions
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.errors import StoreError
from tandem_store.progress import Progress


def upgrade_after_backup(
    url: str | URL, *, progress: Progress | None = None
) -> tuple[str | None, BackupReport | None]:
    """Upgrade a database as ``upgrade`` does, after a backup if it is an SQLite file.

    Returns the revision that it was at, and the backup, which lies beside the file and is named
    after it, the new revision and the moment. The backup is None if nothing had to be upgraded,
    for a new file, on PostgreSQL, or if another process made both meanwhile.

    Raises:
        StoreError: the backup cannot be made; then the upgrade did not begin.
        SchemaAheadError: the database is newer than this version of the package.
    """
    target = database_url(url)
    path = sqlite_path(target)
    if path is None:
        return revisions.upgrade(target, progress=progress), None
    made: list[BackupReport] = []
    before = revisions.upgrade(
        target, before=lambda: made.append(_backed_up(target, path)), progress=progress
    )
    for report in made:
        report.not_recorded = retention.record(target, report)
    return before, made[0] if made else None


def _backed_up(url: URL, path: Path) -> BackupReport:
    began = time.monotonic()
    stamp = retention.stamp(now_ms())
    name = f"{path.name}.before-{revisions.HEAD}-{stamp}.db"
    try:
        report = make(url, Destination.of(path.with_name(name)), lambda *_: None)
    except StoreError as error:
        raise StoreError(
            f"The backup before the upgrade failed, so the database is as it was. {error} "
            "Or upgrade without one: tandem-store db upgrade --no-backup"
        ) from error
    report.seconds = time.monotonic() - began
    return report

"""How backups in a folder are named, what the store knows of them, and which of them go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import URL, Connection, insert, select

from tandem_store.archives import is_archive
from tandem_store.backup import file_format
from tandem_store.backup.report import BackupReport
from tandem_store.database import revisions
from tandem_store.database.urls import sqlite_path
from tandem_store.errors import StoreError
from tandem_store.store import open_any_revision
from tandem_store.tables import backups

_STAMP: Final = r"\d{8}T\d{9}Z"
_UNFIT: Final = re.compile(r"[^\w.-]")


class KnownBackup(NamedTuple):
    """A backup that the store made, where it should be now, and the SHA-256 that it had."""

    file: Path
    digest: bytes


def stamp(at_ms: int) -> str:
    """Return a time as text for a file name, UTC, as ``20260801T120000000Z``; sorts by time.

    ``at_ms`` is in milliseconds since 1970, UTC.
    """
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return f"{at:%Y%m%dT%H%M%S}{at_ms % 1_000:03}Z"


def store_name(url: URL) -> str:
    """Return the name of a store for its backups in a folder: that of its file, or its database."""
    path = sqlite_path(url)
    name = path.stem if path is not None else url.database or ""
    return _UNFIT.sub("_", name) or "store"


def record(url: URL, report: BackupReport) -> str | None:
    """Write the backup into the store's list; returns the reason if that cannot be done.

    The archive of a month has no such list, because it is never written to.
    """
    row = {
        "taken_at_ms": report.at_ms,
        "location": str(report.file),
        "runs": report.content.runs,
        "digest": bytes.fromhex(report.digest),
    }
    try:
        with open_any_revision(url) as store:
            with store.read() as tx:
                revisions.refuse_unless_current(tx.connection)
                if is_archive(tx.connection):
                    return None
            with store.begin() as tx:
                tx.connection.execute(insert(backups).values(row))
    except StoreError as error:
        return str(error)
    return None


def remove_older(url: URL, folder: Path, keep: int) -> tuple[list[Path], list[Path]]:
    """Remove all but the newest ``keep`` backups of the store that got their names in the folder.

    Returns those removed, and those left because they are not what was written. Other files are not
    touched: the store must know the name, and the file have the digest that was written down.
    """
    with open_any_revision(url) as store, store.read() as tx:
        known = _known(tx.connection, folder, store_name(url))
    removed, altered = [], []
    for one in known[keep:]:
        if bytes.fromhex(file_format.digest_of(one.file, lambda *_: None)) != one.digest:
            altered.append(one.file)
            continue
        one.file.unlink(missing_ok=True)
        removed.append(one.file)
    return removed, altered


def _known(connection: Connection, folder: Path, store: str) -> Sequence[KnownBackup]:
    named = re.compile(rf"{re.escape(store)}-{_STAMP}\.db\.zst")
    rows = connection.execute(
        select(backups.c.location, backups.c.digest).order_by(
            backups.c.taken_at_ms.desc(), backups.c.id.desc()
        )
    )
    # By name alone: the folder may be mounted elsewhere by now.
    there = {folder / Path(row.location).name: row.digest for row in rows}
    return [
        KnownBackup(path, digest)
        for path, digest in there.items()
        if named.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    ]

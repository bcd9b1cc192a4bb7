"""Restoring a backup into a store that nobody can open before it is complete."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from tandem_store.atomic_file import (
    full_disk_named,
    os_errors_as_store_errors,
    publish,
    refuse_unless_room,
    workspace,
)
from tandem_store.backup import file_format, snapshot
from tandem_store.backup.report import Content, RestoreReport
from tandem_store.copying import copy_store
from tandem_store.database import portable_files, revisions
from tandem_store.database.portable_files import convert_to_store
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.errors import NotAStoreError, StoreError
from tandem_store.progress import Progress, ignore_progress
from tandem_store.store import open_any_revision

#: Files that SQLite would take for a part of the database beside them.
_LOGS: Final = ("-wal", "-journal")


def restore_store(
    url: str | URL, source: str | os.PathLike[str], *, progress: Progress | None = None
) -> RestoreReport:
    """Restore a backup into a new database: a file that is not there yet, or an empty schema.

    The backup is only read. A backup of an older revision is upgraded. After an interruption there
    is no SQLite file under the name, and a PostgreSQL schema cannot be opened; the same call
    continues. ``progress`` is called with the phase, how much is done, and how much there is.

    Raises:
        StoreError: the target holds something, there is no such backup, or the disk is full.
        NotAStoreError: the backup is damaged, or is not a store.
        SchemaAheadError: the backup was made by a newer version of the package.
        StoreLockedError: another process is filling the PostgreSQL schema.

    >>> backup = backup_store(filled_url, folder / "runs.db.zst")
    >>> report = restore_store(str(folder / "again.db"), backup.file)
    >>> report.content.runs, report.digest == backup.digest
    (3, True)
    """
    with os_errors_as_store_errors():
        return _restored(Path(source).absolute(), database_url(url), progress)


def _restored(file: Path, goal: URL, progress: Progress | None) -> RestoreReport:
    began = time.monotonic()
    path = sqlite_path(goal)
    _refuse_source(file)
    if path is not None:
        _refuse_target(path, file)
    report_progress = progress or ignore_progress
    # PostgreSQL has the rows copied out of a file, which goes where temporary files go.
    folder = Path(tempfile.gettempdir()) if path is None else path.parent
    with workspace(folder) as room, full_disk_named(folder):
        decompressed = _decompressed(file, room, report_progress)
        if path is None:
            content = _into_server(decompressed.path, goal, report_progress)
        else:
            content = decompressed.content
            _publish(decompressed.path, path)
    return RestoreReport(
        file,
        content,
        decompressed.digest,
        decompressed.sealed,
        decompressed.upgraded_from,
        time.monotonic() - began,
    )


@dataclass(frozen=True, slots=True)
class _Decompressed:
    """A store in a private folder, checked and at head."""

    path: Path
    content: Content
    digest: str
    sealed: bool
    upgraded_from: str | None


def _refuse_source(file: Path) -> None:
    if not file.is_file():
        what = "is a folder; name a file in it" if file.is_dir() else "is not there"
        raise StoreError(f"The backup {file} {what}.")
    if not (file_format.is_zstd(file) or file_format.is_sqlite(file)):
        raise NotAStoreError(
            f"{file} is not a backup: it is neither an SQLite file nor a compressed one. Name a "
            "file that was made with: tandem-store backup FILE"
        )
    if log := _log_beside(file):
        raise StoreError(
            f"{file} is a store in use, not a backup: {log.name} is a part of it. "
            "Copy it with: tandem-store copy --from ... --to ..."
        )


def _refuse_target(path: Path, file: Path) -> None:
    if path.exists() and path.samefile(file):
        raise StoreError(
            f"{path} is the backup itself. Name a new file as the store: tandem-store --db NEW "
            "restore FILE"
        )
    if os.path.lexists(path) and not _is_empty_file(path):
        raise _not_new(path)
    if log := _log_beside(path):
        # SQLite would write what is in it into the restored file.
        raise StoreError(
            f"{log} is left from a database that is gone, and would spoil the restored one. "
            "Move it away, then restore again."
        )


def _log_beside(path: Path) -> Path | None:
    logs = (Path(f"{path}{suffix}") for suffix in _LOGS)
    # Readers leave empty ones behind, which say nothing.
    return next((log for log in logs if log.exists() and log.stat().st_size), None)


def _is_empty_file(path: Path) -> bool:
    # Not what a link leads to, and no device.
    return path.is_file() and not path.is_symlink() and path.stat().st_size == 0


def _not_new(path: Path) -> StoreError:
    return StoreError(
        f"{path} is there already. A backup is only restored into a new database: name another "
        "file, or move that one away."
    )


def _decompressed(file: Path, room: Path, progress: Progress) -> _Decompressed:
    path = room / "store.db"
    path.touch(mode=0o600)
    refuse_unless_room(room.parent, file_format.decompressed_size(file))
    digest = file_format.decompress(file, path, partial(progress, "unpacking"))
    if not file_format.is_sqlite(path):
        raise NotAStoreError(
            f"{file} is not a backup: the compressed content is not an SQLite file."
        )
    sealed = file_format.is_sealed(path)
    if sealed and not file_format.is_intact(path, partial(progress, "checking")):
        raise _damaged(file, "its bytes do not have the checksum that was written into it")
    url = database_url(str(path))
    try:
        revision = _revision(url)
        if wrong := portable_files.first_damage(path):
            raise _damaged(file, wrong)
        revisions.upgrade(url)
        content = _content(url)
        # Last, because closing it leaves all of it in the file, which a reader would not.
        convert_to_store(path)
    except (DBAPIError, sqlite3.Error) as error:
        raise _damaged(file, " ".join(str(error).split())) from error
    except NotAStoreError as error:
        # Whoever restores did not name the file that it speaks of.
        raise NotAStoreError(str(error).replace(str(path), str(file))) from error
    behind = revision if revision != revisions.HEAD else None
    return _Decompressed(path, content, digest, sealed, behind)


def _revision(url: URL) -> str:
    with open_any_revision(url) as store, store.read() as tx:
        return snapshot.readable_revision(tx.connection)


def _content(url: URL) -> Content:
    with open_any_revision(url) as store, store.read() as tx:
        revisions.refuse_unless_current(tx.connection)
        return snapshot.content_of(revisions.HEAD, snapshot.row_counts(tx.connection))


def _publish(made: Path, path: Path) -> None:
    if _is_empty_file(path):
        path.unlink()
    try:
        publish(made, path)
    except FileExistsError as error:
        raise _not_new(path) from error


def _into_server(made: Path, goal: URL, progress: Progress) -> Content:
    report = copy_store(str(made), goal, progress=progress)
    if report.differences:
        names = ", ".join(one.what for one in report.differences)
        raise StoreError(
            f"What was restored is not the same as the backup in {names}, and stays closed. Was it "
            "written to meanwhile? Empty the schema, then restore again."
        )
    return Content(revisions.HEAD, report.tables, report.months, tuple(report.left_behind))


def _damaged(file: Path, why: str) -> NotAStoreError:
    return NotAStoreError(f"{file} is damaged: {why}. Restore another backup.")

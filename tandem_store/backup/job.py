"""The backup: a snapshot, compared, sealed, compressed and read back; then its name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import URL

from tandem_store.atomic_file import (
    full_disk_named,
    name_taken,
    os_errors_as_store_errors,
    publish,
    workspace,
)
from tandem_store.backup import file_format, retention, snapshot
from tandem_store.backup.report import BackupReport
from tandem_store.database.urls import database_url
from tandem_store.errors import NotAStoreError, StoreError
from tandem_store.progress import Progress, ignore_progress


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a backup goes; ``name`` is None if it is named after the store and the moment."""

    folder: Path
    name: str | None

    @classmethod
    def of(cls, target: str | os.PathLike[str]) -> Self:
        """Return the destination for a path; raises ``StoreError`` if the name is taken."""
        path = Path(target).absolute()
        if path.is_dir():
            return cls(path, None)
        if os.fspath(target).endswith(os.sep):
            raise StoreError(f"There is no folder {path}. Make it, or mount what it is on.")
        if os.path.lexists(path):
            raise name_taken(path)
        return cls(path.parent, path.name)

    @property
    def is_compressed(self) -> bool:
        """Whether the file is compressed: always in a folder, else by its name."""
        return self.name is None or self.name.endswith(file_format.SUFFIX)

    def publish(self, made: Path, store: str, at_ms: int) -> Path:
        """Give the file its name; returns where it is."""
        while True:
            name = self.name or f"{store}-{retention.stamp(at_ms)}.db{file_format.SUFFIX}"
            try:
                publish(made, self.folder / name)
            except FileExistsError as error:
                if self.name is not None:
                    raise name_taken(self.folder / name) from error
                # Another backup of the same millisecond.
                at_ms += 1
            else:
                return self.folder / name


def backup_store(
    url: str | URL,
    target: str | os.PathLike[str],
    *,
    keep: int | None = None,
    progress: Progress | None = None,
) -> BackupReport:
    """Back a store up into one file, which can be restored to either database.

    Services may go on reading and writing: the backup shows the store at one moment after the
    call. It gets its name only after it was compared with the store, row by row, and read back. An
    existing file is never overwritten.

    ``target`` is a new file, compressed if its name ends in ``.zst``, or a folder. In a folder the
    backup is compressed and named after the store and the moment, and with ``keep`` (at least 1)
    only the newest ones of this store stay. ``progress`` is called with the phase, how much is
    done, and how much there is.

    Raises:
        StoreError: the name is taken, the disk is full, or ``keep`` is given without a folder.
        NotAStoreError: the database is not a store, or is damaged.
        SchemaBehindError: a PostgreSQL store must be upgraded first.

    >>> report = backup_store(filled_url, folder / "runs.db.zst")
    >>> report.file.name, report.content.runs, report.size > 0  # bytes
    ('runs.db.zst', 3, True)
    """
    with os_errors_as_store_errors():
        return _backed_up(database_url(url), Destination.of(target), keep, progress)


def _backed_up(
    origin: URL, destination: Destination, keep: int | None, progress: Progress | None
) -> BackupReport:
    began = time.monotonic()
    if keep is not None and (destination.name is not None or keep < 1):
        raise StoreError("keep needs a folder as the target, and is at least 1.")
    report = make(origin, destination, progress or ignore_progress)
    report.not_recorded = retention.record(origin, report)
    if keep is not None and report.not_recorded is None:
        report.removed, report.altered = retention.remove_older(origin, destination.folder, keep)
    report.seconds = time.monotonic() - began
    return report


def make(url: URL, destination: Destination, progress: Progress) -> BackupReport:
    """Make a verified backup without entering it in the store, which is only read."""
    with workspace(destination.folder) as room, full_disk_named(destination.folder):
        raw = room / "store.db"
        taken = snapshot.take(url, raw, progress)
        file_format.seal(raw, partial(progress, "sealing"))
        made, digest = (
            _compressed(raw, progress) if destination.is_compressed else _read(raw, progress)
        )
        size = made.stat().st_size
        file = destination.publish(made, retention.store_name(url), taken.at_ms)
    return BackupReport(file, taken.at_ms, taken.content, size, digest)


def _read(raw: Path, progress: Progress) -> tuple[Path, str]:
    if not file_format.is_intact(raw, partial(progress, "reading back")):
        raise _unreadable(raw)
    return raw, file_format.digest_of(raw, lambda *_: None)


def _compressed(raw: Path, progress: Progress) -> tuple[Path, str]:
    made = raw.with_name(f"{raw.name}{file_format.SUFFIX}")
    made.touch(mode=0o600)
    wanted = file_format.compress(raw, made, partial(progress, "compressing"))
    digest, found = file_format.decompressed_digest(made, partial(progress, "reading back"))
    if found != wanted:
        raise _unreadable(raw)
    return made, digest


def _unreadable(raw: Path) -> NotAStoreError:
    return NotAStoreError(
        f"What was written to {raw.parent.parent} reads back as something else, so it was removed. "
        "Check that disk, or name another folder."
    )

"""Making a file in a private folder; it gets its name when it is complete.

Note [Names]

A file under its final name is always complete: it is made in a folder of its own beside the target,
checked there, put on the disk, and only then linked to its name, which fails if the name is taken.
A killed process leaves the folder behind. The next one that works beside it removes it: the folder
holds a lock, which ends with the process, however it ends and on whatever machine it ran.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from tandem_store.database.locks.files import file_lock
from tandem_store.errors import StoreError

PREFIX: Final = ".tandem-store-partial-"
_LOCK: Final = "lock"
_ATTEMPTS: Final = 10
#: The errors of a file system that has no hard links.
_NO_LINKS: Final = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """Make a private folder inside ``folder`` for the duration of the block, then remove it.

    Folders that dead processes left behind are removed first.

    Raises ``StoreError`` if the folder is not there or not writable, or gets full.
    """
    with ExitStack() as held:
        room = _make(folder, held)
        # In this order: as long as the folder is there, it is locked.
        held.callback(shutil.rmtree, room, ignore_errors=True)
        try:
            _remove_stale(folder, owner=room.stat().st_uid)
            yield room
        except OSError as error:
            if error.errno in _FULL:
                raise no_room(folder) from error
            raise


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Name the disk of ``folder`` if an SQLite file that the block makes there gets no more room.

    Not for a block that writes to a store as well, whose disk may be another one.
    """
    try:
        yield
    except StoreError as error:
        # The message of the database speaks of a transaction only.
        if getattr(error.__cause__, "sqlite_errorname", "") == "SQLITE_FULL":
            raise no_room(folder) from error
        raise


@contextmanager
def os_errors_as_store_errors() -> Iterator[None]:
    """Raise an ``OSError`` of the block as a ``StoreError`` that names the file."""
    try:
        yield
    except OSError as error:
        prefix = f"{error.filename}: " if error.filename else ""
        raise StoreError(f"{prefix}{error.strerror or error}.") from error


def no_room(folder: Path) -> StoreError:
    """Return the error for a disk that is full."""
    return StoreError(
        f"The disk of {folder} is full, and nothing was left there. Free some space, then do it "
        "again."
    )


def refuse_unless_room(folder: Path, size: int) -> None:
    """Raise ``StoreError`` if the disk of ``folder`` has less than ``size`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise StoreError(
            f"This takes {size:,} bytes in {folder}, and {free:,} are free. Free some space, or "
            "name another folder."
        )


def publish(made: Path, target: Path) -> None:
    """Give a complete file its name, durably; raises ``FileExistsError`` if the name is taken."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(made, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _take_and_replace(made, target)
    _sync_folder(target.parent)


def publish_folder(made: Path, target: Path) -> None:
    """Give a complete folder its name, durably; raises ``StoreError`` if the name is taken."""
    if hasattr(os, "sync"):
        # All files at once: one after the other, the disk would be waited for at each of them.
        os.sync()
    if os.path.lexists(target):
        raise name_taken(target)
    made.rename(target)
    _sync_folder(target.parent)


def name_taken(target: Path) -> StoreError:
    """Return the error for a name that is taken."""
    return StoreError(f"{target} is there already, and is never written over; name another file.")


def _take_and_replace(made: Path, target: Path) -> None:
    # Empty for a moment, or for good if the machine stops just then; nothing takes an empty file
    # for a backup.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    made.replace(target)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems refuse this, because they write folders at once.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(folder: Path, held: ExitStack) -> Path:
    for attempt in range(_ATTEMPTS):
        room = _new(folder)
        try:
            held.enter_context(_locked(room))
        except StoreError:
            # Before it was locked, another process may have taken it for one that was left behind.
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            if room.exists():
                return room
            held.close()
    raise StoreError(f"{folder} does not keep a folder that is made in it; name another.")


def _new(folder: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    except OSError as error:
        if error.errno in _FULL:
            raise no_room(folder) from error
        raise StoreError(
            f"The folder {folder} must exist and be writable: {error.strerror}."
        ) from error


def _locked(room: Path) -> AbstractContextManager[None]:
    return file_lock(room / _LOCK, patience_s=0, busy="in use")


def _remove_stale(folder: Path, *, owner: int) -> None:
    for room in folder.glob(f"{PREFIX}*"):
        # Another process may be removing it, too.
        with suppress(StoreError, FileNotFoundError):
            # In a folder for everybody, what others left is theirs, and a link leads anywhere.
            found = room.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == owner:
                with _locked(room):
                    shutil.rmtree(room, ignore_errors=True)

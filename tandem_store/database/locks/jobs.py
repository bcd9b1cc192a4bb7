"""Locks of long jobs on a store: one bulk load, one job on months and one upgrade at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.database import postgresql
from tandem_store.database.locks import advisory
from tandem_store.database.locks.files import file_lock
from tandem_store.database.urls import database_url, schema_of, sqlite_path

#: Seconds that the server may take to notice that the holder of a lock was killed.
_LINGERING_S: Final = 3.0
#: Seconds that a deploy waits for another one's upgrade; a revision that moves data takes minutes.
_UPGRADE_S: Final = 1_800


def import_lock(url: str | URL) -> AbstractContextManager[None]:
    """Keep other imports, and copies, away from a store until the block or the process ends.

    Raises ``StoreLockedError`` if one is running.
    """
    return bulk_load_lock(url, busy="Another import is running on this store; wait for its end.")


def bulk_load_lock(url: str | URL, *, busy: str) -> AbstractContextManager[None]:
    """Keep imports and copies away from a store, which need not exist yet.

    Raises ``StoreLockedError`` with the sentence ``busy`` if one is running.
    """
    return _job_lock(url, "import", advisory.import_key, busy)


def months_lock(url: str | URL) -> AbstractContextManager[None]:
    """Let one process at a time compact, detach, attach or drop months. Everybody else may go on.

    Raises ``StoreLockedError`` if another one does so.
    """
    busy = "Another process is working on months of this store already; wait for its end."
    return _job_lock(url, "compact", advisory.months_key, busy)


@contextmanager
def _job_lock(
    url: str | URL, job: str, key_of: Callable[[str], advisory.Key], busy: str
) -> Iterator[None]:
    target = database_url(url)
    if (path := sqlite_path(target)) is not None:
        with file_lock(Path(f"{path}.{job}.lock"), patience_s=0, busy=busy):
            yield
        return
    key = key_of(schema_of(target))
    with _session_lock(target, key, _LINGERING_S, busy, f"another {job}"):
        yield


@contextmanager
def upgrade_lock(url: URL) -> Iterator[None]:
    """Let one process at a time make or migrate a database; the others wait for half an hour.

    A lock inside the transaction would be too late: Alembic reads the revision before it begins
    one, so two processes would both find the old revision.

    Raises ``StoreLockedError``.
    """
    path = sqlite_path(url)
    busy = f"Another process is upgrading {path or 'the database'}; try again later."
    if path is not None:
        with file_lock(Path(f"{path}.lock"), patience_s=_UPGRADE_S, busy=busy):
            yield
        return
    what = "another process that is upgrading the database"
    with _session_lock(url, advisory.UPGRADE, _UPGRADE_S, busy, what):
        yield


@contextmanager
def _session_lock(
    url: URL, key: advisory.Key, patience_s: float, busy: str, what: str
) -> Iterator[None]:
    engine = postgresql.writing_engine(url)
    try:
        with advisory.session_lock(engine, key, patience_s=patience_s, busy=busy, what=what):
            yield
    finally:
        engine.dispose()

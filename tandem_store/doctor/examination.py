"""The examination: every check there is, one after the other. It changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, select
from sqlalchemy.exc import DBAPIError

from tandem_store.clock import now_ms
from tandem_store.database import revisions, table_check, urls
from tandem_store.database.engines import create_engines
from tandem_store.database.urls import database_url
from tandem_store.doctor import (
    archives,
    blobs,
    contents,
    dictionaries,
    documents,
    ledger,
    library,
    pages,
    revision,
    settings,
    sizes,
    snapshots,
    tables,
    times,
)
from tandem_store.doctor import backups as backup_check
from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import UNREADABLE, reason
from tandem_store.doctor.findings import Finding, Report, Severity
from tandem_store.errors import NotAStoreError
from tandem_store.progress import Progress, ignore_progress
from tandem_store.tables import backups

_ORDER: Final = list(Severity)


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and the tables that it needs."""

    name: str
    make: Callable[[Context], Iterable[Finding]]
    needs: frozenset[str] = frozenset()


def _needing(*needed: str) -> frozenset[str]:
    return frozenset(needed)


CHECKS: Final = (
    Check("the revision", revision.check),
    Check("the library", library.check),
    Check("the pages", pages.check),
    Check("the tables", tables.check),
    Check("runs and documents", documents.check, _needing("runs")),
    Check("snapshots", snapshots.check, _needing("runs", "automation_snapshots")),
    Check("dictionaries", dictionaries.check, _needing("dictionaries", "month_dictionaries")),
    Check("other references", pages.check_references),
    Check("imports", ledger.check_imports, _needing("imports", "import_entries")),
    Check("the quarantine", ledger.check_quarantine, _needing("quarantine")),
    Check("times", times.check, _needing("runs")),
    Check("sizes", sizes.check),
    Check("settings", settings.check),
    Check("archives", archives.check, _needing("archives")),
    Check("backups", backup_check.check, _needing("backups", "runs")),
)
#: What reads and decodes everything.
DEEP_CHECKS: Final = (
    Check("the documents of runs", contents.check, _needing("runs")),
    Check("the contents of snapshots", blobs.check_snapshots, _needing("automation_snapshots")),
    Check("definitions", blobs.check_automations, _needing("automations")),
    Check("the bytes in quarantine", blobs.check_quarantine, _needing("quarantine")),
)


def examine(url: str | URL, *, deep: bool = False, progress: Progress | None = None) -> Report:
    """Look for whatever is damaged, missing, unsafe or waiting for somebody. Changes nothing.

    ``deep`` reads and decodes every document, snapshot, definition and quarantined copy, too, in
    bounded memory; it takes about half a millisecond for each run.

    A check that the damage makes impossible becomes a finding, and the others go on.

    Raises:
        StoreError: there is no database, or it cannot be reached.
        NotAStoreError: the database is another program's.
        StoreLockedError: another process is in the way.
    """
    target = database_url(url)
    report = Report(database=urls.shown(target), deep=deep)
    engines = create_engines(target)
    context = Context(
        url=target,
        engines=engines,
        now_ms=now_ms(),
        progress=progress or ignore_progress,
        report=report,
    )
    with ExitStack() as stack:
        stack.enter_context(_left_as_found(context.path))
        stack.callback(engines.dispose)
        if _reached(context):
            for check in (*CHECKS, *(DEEP_CHECKS if deep else ())):
                report.findings += _made(context, check)
    report.findings.sort(key=lambda finding: _ORDER.index(finding.severity))
    return report


def _reached(context: Context) -> bool:
    """Return whether anything can be read at all; add a finding if not."""
    try:
        with context.read() as connection:
            context.tables = table_check.table_names(connection)
    except NotAStoreError as error:
        if not _is_damage(error):
            raise
        context.report.findings.append(_unreadable(context, "the list of tables", error))
        return False
    with suppress(*UNREADABLE):
        context.backup = _last_backup(context)
    return True


def _last_backup(context: Context) -> str | None:
    if backups.name not in context.tables:
        return None
    newest = select(backups.c.location).order_by(backups.c.id.desc()).limit(1)
    with context.read() as connection:
        location: str | None = connection.execute(newest).scalar()
    return location if location and Path(location).is_file() else None


def _made(context: Context, check: Check) -> Iterator[Finding]:
    """Yield the findings of one check, up to where damage ends it; the damage is a finding too."""
    if check.needs - context.tables:
        context.report.not_checked.append(check.name)
        return
    try:
        yield from check.make(context)
    except UNREADABLE as error:
        # At another revision, what is asked for may not be there, which is a finding already.
        if isinstance(error, DBAPIError) and context.report.revision != revisions.HEAD:
            context.report.not_checked.append(check.name)
        else:
            yield _unreadable(context, check.name, error)


def _unreadable(context: Context, what: str, error: Exception) -> Finding:
    return Finding(
        code="unreadable",
        severity=Severity.ERROR,
        what=f"Could not examine {what}: {reason(error)}.",
        command=context.restore(),
    )


def _is_damage(error: NotAStoreError) -> bool:
    return isinstance(error.__cause__, sqlite3.DatabaseError | DBAPIError)


@contextmanager
def _left_as_found(path: Path | None) -> Iterator[None]:
    """Leave no ``-wal`` and ``-shm`` beside an SQLite file that had none.

    SQLite makes them for a reader, too, but removes them only when the last to close the file might
    have written. So a connection that might, and does not, is closed last.
    """
    wal = None if path is None else Path(f"{path}-wal")
    if path is None or wal is None or wal.exists() or not path.exists():
        yield
        return
    try:
        last = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    except sqlite3.Error:
        yield
        return
    with closing(last):
        with suppress(sqlite3.Error):
            last.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield

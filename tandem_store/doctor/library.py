"""The SQLite that Python is linked with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity
from tandem_store.engine import checkpoints, has_wal_reset_bug


def check(context: Context) -> Iterator[Finding]:
    """Whether it can lose committed writes when several processes write."""
    if context.path is None or not has_wal_reset_bug():
        return
    version = sqlite3.sqlite_version
    if checkpoints.IS_NEEDED:
        protected = (
            "tandem-store's own processes keep out of each other's way by a lock, but other "
            "programs that write to the file, or checkpoint it, do not"
        )
    else:
        protected = "this system has no lock that could prevent it"
    yield Finding(
        code="sqlite_wal_reset_bug",
        severity=Severity.INFO if checkpoints.IS_NEEDED else Severity.WARNING,
        what=(
            f"Python is linked with SQLite {version}, which can lose committed writes when two "
            f"processes write to one file: {protected}. Use SQLite 3.51.3 or newer (3.50.7 and "
            "3.44.6 are corrected, too), by an update of the system or another build of Python; "
            'the command shows which one is in use. See sqlite.org/wal.html, "The WAL-Reset '
            'Bug".'
        ),
        command="python -c 'import sqlite3; print(sqlite3.sqlite_version)'",
    )

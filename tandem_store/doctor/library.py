"""The SQLite that Python is linked with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from tandem_store.database.integrity import has_wal_reset_bug
from tandem_store.database.locks import commit_lock
from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding if the library can lose committed writes when several processes write."""
    if context.path is None or not has_wal_reset_bug():
        return
    protected = (
        "A lock protects tandem-store's own processes, not other programs"
        if commit_lock.IS_NEEDED
        else "This system has no lock that could prevent it"
    )
    yield Finding(
        code="sqlite_wal_reset_bug",
        severity=Severity.INFO if commit_lock.IS_NEEDED else Severity.WARNING,
        what=(
            f"Python is linked with SQLite {sqlite3.sqlite_version}, which can lose writes when "
            'several processes write to one file (sqlite.org/wal.html, "The WAL-Reset Bug"). '
            f"{protected}. Use SQLite 3.51.3 or newer, or 3.50.7 or 3.44.6: update the system or "
            "Python. The command shows which one is in use."
        ),
        command="python -c 'import sqlite3; print(sqlite3.sqlite_version)'",
    )

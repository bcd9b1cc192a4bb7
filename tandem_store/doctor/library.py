"""The SQLite that Python is linked with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity
from tandem_store.engine import has_wal_reset_bug


def check(context: Context) -> Iterator[Finding]:
    """Whether it can lose committed writes when several processes write."""
    if context.path is None or not has_wal_reset_bug():
        return
    yield Finding(
        code="sqlite_wal_reset_bug",
        severity=Severity.WARNING,
        what=(
            f"Python is linked with SQLite {sqlite3.sqlite_version}, which can lose committed "
            'writes if several processes write to one file (rare; sqlite.org/wal.html, "The '
            'WAL-Reset Bug"). Use SQLite 3.51.3 or newer, or 3.50.7 or 3.44.6: update the system '
            "or take a Python that brings it. The command shows the version in use."
        ),
        command="python -c 'import sqlite3; print(sqlite3.sqlite_version)'",
    )

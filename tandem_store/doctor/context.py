"""What every check is given: the database, and what the report gathers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection

from tandem_store.database import urls
from tandem_store.database.engines import Engines
from tandem_store.database.table_check import Repair
from tandem_store.database.urls import schema_of, sqlite_path
from tandem_store.doctor.findings import Report
from tandem_store.month import Month
from tandem_store.progress import Progress

#: Stands for the URL of a database that is to be made.
NEW: Final = "NEW"


@dataclass(slots=True)
class Context:
    """One examination. Each check reads in transactions of its own, so none lasts for long."""

    url: URL
    engines: Engines
    now_ms: int
    progress: Progress
    report: Report
    #: The tables there are, and the latest backup that is still where it was written.
    tables: frozenset[str] = frozenset()
    backup: str | None = None

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        return sqlite_path(self.url)

    @property
    def deep(self) -> bool:
        """Whether everything is read and decoded."""
        return self.report.deep

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that cannot write, for the duration of the block."""
        with self.engines.read.connect() as connection:
            yield connection

    def restore(self) -> str:
        """Return the command for damage that cannot be repaired in place."""
        file = shlex.quote(self.backup) if self.backup else "FILE"
        return f"tandem-store --db {NEW} restore {file}"

    def repair(self, how: Repair, month: Month | None = None) -> str:
        """Return the command that repairs a table."""
        if how is Repair.ENSURE and month is not None:
            return f"tandem-store months ensure {month}"
        if how is Repair.COPY:
            source = shlex.quote(urls.shown(self.url))
            return f"tandem-store copy --from {source} --to {NEW}"
        if how is Repair.ATTACH and month is not None:
            schema = schema_of(self.url)
            return psql(
                f'ALTER TABLE "{schema}".run_documents ATTACH PARTITION '
                f'"{schema}".run_documents_{month.suffix} '
                f"FOR VALUES FROM ({month.key}) TO ({month.key + 1})"
            )
        return self.restore()


def psql(statement: str) -> str:
    """Return the command by which an administrator of PostgreSQL runs a statement."""
    return f"psql -c {shlex.quote(statement)}"


def sqlite3_shell(path: Path, statement: str) -> str:
    """Return the command by which SQLite's own program runs a statement."""
    return f"sqlite3 {shlex.quote(str(path))} {shlex.quote(statement)}"

"""How much room the database takes, and how much of it is unused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import column, func, select, table

from tandem_store.database import integrity
from tandem_store.database.urls import schema_of
from tandem_store.doctor.context import Context, psql, sqlite3_shell
from tandem_store.doctor.findings import Finding, Severity

#: Less is not worth anybody's while: bytes, and the part of all.
_WORTH: Final = 16_000_000
_PART: Final = 0.2
#: Bytes of a write-ahead log that has grown far beyond the four megabytes or so that are usual.
_LONG_LOG: Final = 64_000_000
#: Fewer are what every busy table has.
_DEAD_ROWS: Final = 10_000
_ACTIVITY: Final = table(
    "pg_stat_user_tables",
    column("schemaname"),
    column("relname"),
    column("n_live_tup"),
    column("n_dead_tup"),
)


def check(context: Context) -> Iterator[Finding]:
    """Enter the sizes in the report, and yield findings about room that is not used.

    On SQLite: pages, free pages, the write-ahead log. On PostgreSQL: bytes, dead rows.
    """
    if context.path is None:
        yield from _of_server(context)
    else:
        yield from _of_file(context, context.path)


def _of_file(context: Context, path: Path) -> Iterator[Finding]:
    with context.read() as connection:
        page, pages, free = (
            int(integrity.pragma(connection, name))
            for name in ("page_size", "page_count", "freelist_count")
        )
    log = Path(f"{path}-wal")
    length = log.stat().st_size if log.exists() else 0
    context.report.sizes |= {
        "bytes": pages * page,
        "pages": pages,
        "free_pages": free,
        "wal_bytes": length,
    }
    if free * page > _WORTH and free > pages * _PART:
        yield Finding(
            code="free_pages",
            severity=Severity.INFO,
            what=f"{free / pages:.0%} of the file is free pages, which new runs will use.",
            command=sqlite3_shell(path, "PRAGMA incremental_vacuum"),
        )
    if length > _LONG_LOG:
        yield Finding(
            code="wal_long",
            severity=Severity.WARNING,
            what=(
                f"The write-ahead log takes {length / 1e6:,.0f} MB, because a reader stayed open "
                "for long. End it, then let SQLite fold the log in."
            ),
            command=sqlite3_shell(path, "PRAGMA wal_checkpoint(TRUNCATE)"),
        )


def _of_server(context: Context) -> Iterator[Finding]:
    ours = _ACTIVITY.c.schemaname == schema_of(context.url)
    activity = select(_ACTIVITY.c.relname, _ACTIVITY.c.n_live_tup, _ACTIVITY.c.n_dead_tup)
    with context.read() as connection:
        size = connection.execute(select(func.pg_database_size(func.current_database()))).scalar()
        rows = connection.execute(activity.where(ours).order_by(_ACTIVITY.c.relname)).all()
    context.report.sizes |= {
        "bytes": int(size or 0),
        "rows": sum(row.n_live_tup for row in rows),
        "dead_rows": sum(row.n_dead_tup for row in rows),
    }
    for row in rows:
        if row.n_dead_tup > _DEAD_ROWS and row.n_dead_tup > row.n_live_tup * _PART:
            yield Finding(
                code="dead_rows",
                severity=Severity.INFO,
                what=f"The table {row.relname} has {row.n_dead_tup:,} dead rows.",
                command=psql(f'VACUUM "{schema_of(context.url)}"."{row.relname}"'),
            )

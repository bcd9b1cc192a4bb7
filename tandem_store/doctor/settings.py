"""Settings that are slow or unsafe."""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, func, select, table

from tandem_store.archives import is_archive
from tandem_store.database import integrity
from tandem_store.database.sqlite_files import PAGE_SIZE
from tandem_store.doctor.context import Context, psql
from tandem_store.doctor.findings import Finding, Severity
from tandem_store.tables import archive_origins

#: File systems of other machines, on which the locks and the shared memory of SQLite do not work.
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs"})
_MOUNTS: Final = Path("/proc/self/mounts")
#: How white space and backslashes are written in it.
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
#: Of ``PRAGMA auto_vacuum``.
_INCREMENTAL: Final = 2
_DATABASES: Final = table("pg_database", column("oid"), column("datname"), column("datcollversion"))
#: What a server must not have, and what it costs.
_UNSAFE: Final = (
    ("fsync", "off", "a power cut can destroy the database"),
    ("full_page_writes", "off", "a power cut can destroy the database"),
    ("synchronous_commit", "off", "a power cut can lose the last commits"),
)
#: Time-outs that end an import, a backup or this examination half-way, if they are set.
_TIMEOUTS: Final = ("statement_timeout", "idle_in_transaction_session_timeout")


def check(context: Context) -> Iterator[Finding]:
    """Yield findings about the settings of the file, or of the server in this user's sessions."""
    if context.path is None:
        with context.read() as connection:
            yield from _of_server(connection)
        return
    with context.read() as connection:
        yield from _of_file(context, connection)
    yield from _of_file_system(context.path)


def _of_file(context: Context, connection: Connection) -> Iterator[Finding]:
    if archive_origins.name in context.tables and is_archive(connection):
        return  # It is one file with pages of its own size, and nobody writes to it.
    mode = integrity.pragma(connection, "journal_mode")
    if mode != "wal":
        yield Finding(
            code="journal_mode",
            severity=Severity.WARNING,
            what=(
                f"The journal mode is {mode!r} instead of 'wal', so readers and writers wait for "
                "each other; the next write of a service corrects that."
            ),
            command="tandem-store months ensure",
        )
    size, vacuum = (int(integrity.pragma(connection, n)) for n in ("page_size", "auto_vacuum"))
    if size != PAGE_SIZE or vacuum != _INCREMENTAL:
        yield Finding(
            code="file_format",
            severity=Severity.INFO,
            what=(
                f"The pages have {size:,} bytes instead of {PAGE_SIZE:,}, or cannot be given back "
                "one by one; a copy is faster and smaller."
            ),
            command=f"tandem-store copy --from {shlex.quote(context.report.database)} --to NEW",
        )


def _of_file_system(path: Path) -> Iterator[Finding]:
    others = stat.S_IMODE(path.stat().st_mode) & 0o077
    if others:
        yield Finding(
            code="file_mode",
            severity=Severity.WARNING,
            what=f"Other users may read or write {path}, and with it what the runs wrote.",
            command=f"chmod 600 {shlex.quote(str(path))}",
        )
    if (kind := _file_system(path)) in _NETWORK:
        yield Finding(
            code="network_file_system",
            severity=Severity.WARNING,
            what=(
                f"{path} is on a network file system ({kind}), where SQLite's write-ahead log is "
                "not safe: writers on two machines destroy the file."
            ),
            command=f"tandem-store copy --from {shlex.quote(str(path))} --to NEW",
        )


def _file_system(path: Path) -> str | None:
    """Return the kind of the file system that the file is on; None where that cannot be asked."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    own, depth, found = path.resolve(), 0, None
    for line in lines:
        _, mounted_at, kind, *_ = line.split(" ")
        mount = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), mounted_at))
        # Of two on the same folder the later one hides the other.
        if own.is_relative_to(mount) and len(mount.parts) >= depth:
            depth, found = len(mount.parts), kind
    return found


def _of_server(connection: Connection) -> Iterator[Finding]:
    for name, bad, cost in _UNSAFE:
        if _setting(connection, name) == bad:
            yield Finding(
                code="unsafe_setting",
                severity=Severity.WARNING,
                what=f"The server has {name} = {bad}: {cost}.",
                command=psql(f"ALTER SYSTEM SET {name} = on"),
            )
    if (encoding := _setting(connection, "server_encoding")) != "UTF8":
        yield Finding(
            code="server_encoding",
            severity=Severity.WARNING,
            what=f"The database has the encoding {encoding}, which cannot hold every text.",
            command="createdb --encoding=UTF8 --template=template0 NEW",
        )
    for name in _TIMEOUTS:
        if (value := _setting(connection, name)) not in {"0", None}:
            yield Finding(
                code="timeout",
                severity=Severity.INFO,
                what=f"The server ends sessions by {name} = {value}, long imports too.",
                command=psql(f"ALTER ROLE CURRENT_USER SET {name} = 0"),
            )
    yield from _collation(connection)


def _collation(connection: Connection) -> Iterator[Finding]:
    actual = func.pg_database_collation_actual_version(_DATABASES.c.oid).label("actual")
    query = select(_DATABASES.c.datname, _DATABASES.c.datcollversion, actual)
    row = connection.execute(query.where(_DATABASES.c.datname == func.current_database())).one()
    if row.datcollversion != row.actual:
        yield Finding(
            code="collation_version",
            severity=Severity.INFO,
            what=(
                f"The server's rules of sorting text changed from {row.datcollversion} to "
                f"{row.actual}. The indexes of the store do not depend on them."
            ),
            command=psql(f'ALTER DATABASE "{row.datname}" REFRESH COLLATION VERSION'),
        )


def _setting(connection: Connection, name: str) -> str | None:
    return connection.execute(select(func.current_setting(name, True))).scalar()

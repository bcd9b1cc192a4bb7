"""How old the last backup is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from tandem_store.archives import is_archive
from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity, counted
from tandem_store.month import MILLISECONDS_PER_DAY
from tandem_store.tables import archive_origins, backups, runs

#: Days after which changes should be in a backup.
_DAYS: Final = 7
_COMMAND: Final = "tandem-store backup FILE"


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding if there is no backup, or an old one that the runs have changed since.

    A backup is old after a week. A store without runs needs no backup, nor does an archive, which
    never changes.
    """
    with context.read() as connection:
        if archive_origins.name in context.tables and is_archive(connection):
            return
        held = connection.execute(select(func.count()).select_from(runs)).scalar_one()
        newest = select(backups).order_by(backups.c.id.desc()).limit(1)
        last = connection.execute(newest).one_or_none()
        changed = last is not None and _changed(connection, last, held)
    if last is None and held:
        yield Finding(
            code="no_backup",
            severity=Severity.WARNING,
            what=f"No backup was made by tandem-store, and there {_are(held)}.",
            command=_COMMAND,
        )
    elif last is not None and changed:
        days = (context.now_ms - last.taken_at_ms) // MILLISECONDS_PER_DAY
        if days >= _DAYS:
            yield Finding(
                code="backup_old",
                severity=Severity.WARNING,
                what=(
                    f"The last backup, {last.location}, is {counted(days, 'day')} old, and runs "
                    "have changed since."
                ),
                command=_COMMAND,
            )


def _changed(connection: Connection, last: Row[Any], held: int) -> bool:
    updated = connection.execute(select(func.max(runs.c.updated_at_ms))).scalar()
    return bool(held != last.runs or (updated or 0) > last.taken_at_ms)


def _are(held: int) -> str:
    return f"{'is' if held == 1 else 'are'} {counted(held, 'run')} to lose"

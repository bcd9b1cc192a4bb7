"""Whether the store is in a backup with all that was imported."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from tandem_store.store import ReadTransaction
from tandem_store.tables import backups


def backup_since_import(tx: ReadTransaction) -> str | None:
    """Return where the newest backup is that shows a moment after the last import had ended.

    Only one that is still where it was written counts: that it was made is no proof that it is
    there. Returns None if there is no such backup.
    """
    made = select(backups.c.location).order_by(backups.c.taken_at_ms.desc())
    if (imported := tx.ledger.last_finished_at_ms()) is not None:
        made = made.where(backups.c.taken_at_ms > imported)
    locations = tx.connection.execute(made).scalars()
    return next((one for one in locations if Path(one).is_file()), None)

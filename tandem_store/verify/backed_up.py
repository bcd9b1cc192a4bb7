"""Whether the store is in a backup with all that was imported."""

from __future__ import annotations

from sqlalchemy import func, select

from tandem_store.schema import backups
from tandem_store.store import ReadTransaction


def is_backed_up(tx: ReadTransaction) -> bool:
    """Whether a verified backup shows a moment after the last import had ended."""
    latest = select(func.max(backups.c.taken_at_ms))
    taken: int | None = tx.connection.execute(latest).scalar()
    imported = tx.ledger.last_finished_at_ms()
    return taken is not None and (imported is None or taken > imported)

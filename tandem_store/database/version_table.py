"""The one row that says which revision a database is at, or that a copy into it is not finished.

Alembic owns the table. While a copy is under way the row holds a mark instead of the revision, so
that nothing that asks for the revision, of whatever version, takes half a store for a whole one.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, update

from tandem_store.errors import UnfinishedCopyError

TABLE: Final = Table(
    "tandem_store_version", MetaData(), Column("version_num", String(32), primary_key=True)
)
_COPYING: Final = "copying"


def copying_mark(revision: str, source: str) -> str:
    """What the row holds during a copy; ``source`` tells one source from another, in 16 letters."""
    return f"{_COPYING} {revision} {source}"


def stored(connection: Connection) -> str | None:
    """What the row holds, revision or mark; None before the first upgrade."""
    if not inspect(connection).has_table(TABLE.name):
        return None
    return connection.scalar(select(TABLE.c.version_num))


def is_unfinished(found: str | None) -> bool:
    """Whether this is the mark of an unfinished copy."""
    return found is not None and found.startswith(_COPYING)


def refuse_unfinished(found: str | None) -> None:
    """Raise ``UnfinishedCopyError`` if this is the mark of an unfinished copy."""
    if is_unfinished(found):
        raise UnfinishedCopyError(
            "A copy into this database is unfinished. "
            "Run: tandem-store copy --from ... --to ... again, or the same tandem-store restore ..."
        )


def replace(connection: Connection, old: str, new: str) -> bool:
    """Put ``new`` in the place of ``old``; False, and nothing is changed, if the row is another.

    The row stays locked to the end of the transaction, also if both are the same.
    """
    changed = update(TABLE).where(TABLE.c.version_num == old).values(version_num=new)
    return connection.execute(changed).rowcount == 1

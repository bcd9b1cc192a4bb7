"""The one row that holds the revision of a database, or the mark of an unfinished copy.

Alembic owns the table and writes the revision. While ``copy`` fills a database, the row holds a
mark instead, such as ``copying 0003 1f0c...``. No version of this package knows a revision of that
name, so none of them opens a store that is only half there. ``revisions`` compares the revision
with the one that the code needs.
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
    """Return what the row holds during a copy; ``source`` identifies the source in 16 letters."""
    return f"{_COPYING} {revision} {source}"


def read(connection: Connection) -> str | None:
    """Return what the row holds, a revision or a mark; None before the first upgrade."""
    if not inspect(connection).has_table(TABLE.name):
        return None
    return connection.scalar(select(TABLE.c.version_num))


def is_copying_mark(found: str | None) -> bool:
    """Return whether this is the mark of an unfinished copy."""
    return found is not None and found.startswith(_COPYING)


def refuse_copying_mark(found: str | None) -> None:
    """Raise ``UnfinishedCopyError`` if this is the mark of an unfinished copy."""
    if is_copying_mark(found):
        raise UnfinishedCopyError(
            "A copy into this database is unfinished. "
            "Run: tandem-store copy --from ... --to ... again, or the same tandem-store restore ..."
        )


def replace(connection: Connection, old: str, new: str) -> bool:
    """Change the row from ``old`` to ``new``; return False if it does not hold ``old``.

    The row stays locked to the end of the transaction, also if both are equal.
    """
    changed = update(TABLE).where(TABLE.c.version_num == old).values(version_num=new)
    return connection.execute(changed).rowcount == 1

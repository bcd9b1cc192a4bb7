"""Which archives of a store a month takes the place of when it comes back from a file."""

from __future__ import annotations

import shlex

from sqlalchemy import Connection, select

from tandem_store import archives
from tandem_store.archives import ArchiveOrigin, MonthArchive
from tandem_store.errors import ConflictError
from tandem_store.tables import deleted_runs


def replaced(
    connection: Connection, origin: ArchiveOrigin, run_ids: list[str]
) -> list[MonthArchive]:
    """Return the archives whose ids and totals go when a file is attached that has these runs.

    That is this very archive, detached or dropped, and a dropped one all of whose runs are in it
    too, as when the content of a month was archived before it was forgotten, detached and dropped.

    Raises ``ConflictError`` if the month is in another archive, or only some runs of a dropped one
    are in this.
    """
    known = list(archives.all_of(connection, origin.month))
    same = [one for one in known if one.digest == origin.digest]
    others = [one for one in known if one.digest != origin.digest]
    for one in others:
        # Two archives of one month would be out at once, and dropping one would take both away.
        if one.is_detached:
            raise ConflictError(
                f"The store has {one.month} in another archive already, {one.location}, so nothing "
                "was attached. Attach that one first: "
                f"tandem-store months attach {shlex.quote(one.location)}"
            )
    return same + [one for one in others if _is_part_of(connection, one, set(run_ids))]


def _is_part_of(connection: Connection, dropped: MonthArchive, run_ids: set[str]) -> bool:
    """Whether all runs that were dropped with an archive come back, so that none counts twice."""
    if dropped.dropped_at_ms is None:
        return False
    moment = deleted_runs.c.deleted_at_ms == dropped.dropped_at_ms
    given_up = set(connection.scalars(select(deleted_runs.c.run_id).where(moment)))
    if given_up.isdisjoint(run_ids):
        return False
    if not given_up <= run_ids:
        raise ConflictError(
            f"Some runs of this archive were dropped with another one of {dropped.month}, whose "
            "totals stay, so they would count twice. Nothing was attached; every command reads the "
            "archive by --db."
        )
    return True

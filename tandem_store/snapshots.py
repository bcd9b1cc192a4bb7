"""Definition snapshots: each distinct one is stored once, however many runs share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select

from tandem_store.batches import batched
from tandem_store.database.dialect import insert_unless_there
from tandem_store.database.prepared import Prepared
from tandem_store.mapping import DEFINITION_VERSION, Snapshot, compress
from tandem_store.mapping.compression import ENCODING
from tandem_store.tables import automation_snapshots, runs

#: How many digests are asked for in one statement.
BATCH: Final = 500


#: Locked on PostgreSQL as a reference to the row locks it, so that nobody deletes it before the run
#: that refers to it is written.
_DIGEST_AND_ID: Final = select(
    automation_snapshots.c.digest, automation_snapshots.c.id
).with_for_update(read=True, key_share=True)
_ID_OF_ONE: Final = Prepared(
    _DIGEST_AND_ID.where(automation_snapshots.c.digest == bindparam("digest"))
)
_IDS: Final = Prepared(
    _DIGEST_AND_ID.where(automation_snapshots.c.digest.in_(bindparam("digests", expanding=True)))
)


def ensure(connection: Connection, snapshots: Iterable[Snapshot]) -> dict[bytes, int]:
    """Store the snapshots that are not there yet; returns the row id of every one by its digest.

    Writes nothing when all are there.
    """
    # In the order of their digests, so that two writers never wait for each other in a circle.
    wanted = {snapshot.digest: snapshot for snapshot in snapshots}
    digests = sorted(wanted)
    known = _ids(connection, digests)
    if missing := [digest for digest in digests if digest not in known]:
        # Another writer on PostgreSQL may have stored one since we looked; its row serves as well.
        statement = insert_unless_there(connection.dialect.name, automation_snapshots)
        connection.execute(statement, [_row(wanted[digest]) for digest in missing])
        known |= _ids(connection, missing)
    return known


def _ids(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    if len(digests) == 1:  # as when a service writes; it takes half of the time
        found = _ID_OF_ONE.all(connection, {"digest": digests[0]})
    else:
        found = []
        for first in range(0, len(digests), BATCH):
            found += _IDS.all(connection, {"digests": digests[first : first + BATCH]})
    return dict(found)


def _row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "digest": snapshot.digest,
        "schema_version": DEFINITION_VERSION,
        "encoding": ENCODING,
        "document": compress(snapshot.document),
    }


def forget_unused(connection: Connection) -> None:
    """Delete the snapshots that no run has, as a run that was replaced leaves them behind.

    One that another transaction has just found, for a run that it is about to write, stays.
    """
    used = select(runs.c.snapshot_id).where(runs.c.snapshot_id == automation_snapshots.c.id)
    unused = (
        select(automation_snapshots.c.id).where(~used.exists()).with_for_update(skip_locked=True)
    )
    for batch in batched(connection.scalars(unused).all(), BATCH):
        # Asked again: since the question was begun, somebody may have committed such a run.
        connection.execute(
            delete(automation_snapshots).where(automation_snapshots.c.id.in_(batch), ~used.exists())
        )

"""Claims: which worker holds a run, and how often it was claimed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from tandem_store.mapping import from_column
from tandem_store.schema import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim on one run; ``worker`` is None when it was released."""

    run_id: str
    worker: str | None
    #: Grows with every claim and never goes back.
    epoch: int
    expires_at_ms: int | None


def claims(connection: Connection) -> Iterator[Claim]:
    """Every run that was ever claimed, by the code points of the ids."""
    query = (
        select(runs.c.run_id, runs.c.claimed_by, runs.c.claim_epoch, runs.c.claim_expires_at_ms)
        .where(or_(runs.c.claimed_by.is_not(None), runs.c.claim_epoch > 0))
        .order_by(runs.c.run_id)
    )
    for row in connection.execute(query):
        yield Claim(
            run_id=from_column(row.run_id),
            worker=None if row.claimed_by is None else from_column(row.claimed_by),
            epoch=row.claim_epoch,
            expires_at_ms=row.claim_expires_at_ms,
        )

"""Leases: what a worker has to prove before it may write, and how it keeps or gives back a run.

Whoever holds a run proves it by the epoch of its claim, which grows with every claim, and by the
token that was drawn for it, so a worker that was away for too long cannot undo the work of its
successor (a fencing token, as in
https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select, update

from tandem_store.database import dialect
from tandem_store.errors import LeaseLostError
from tandem_store.models import runs
from tandem_store.records import TERMINAL_STATUSES, TenantScope
from tandem_store.runs.claims import Claim, milliseconds
from tandem_store.runs.naming import named
from tandem_store.runs.selection import within

_TERMINAL: Final = frozenset(status.value for status in TERMINAL_STATUSES)


def renew(
    connection: Connection, claim: Claim, lease: timedelta, scope: TenantScope | None
) -> Claim:
    """Let the lease end ``lease`` from now.

    Raises ``LeaseLostError`` if it has ended already, or the run has.
    """
    length_ms = milliseconds(lease)
    now_ms = _still_held(connection, claim, scope)
    longer = replace(claim, expires_at_ms=now_ms + length_ms)
    _write(connection, claim, claim_expires_at_ms=longer.expires_at_ms)
    return longer


def release(connection: Connection, claim: Claim, scope: TenantScope | None) -> None:
    """Give the run back, ended or not. Raises ``LeaseLostError`` if the lease has ended already."""
    _still_held(connection, claim, scope, may_have_ended=True)
    let_go(connection, claim)


def let_go(connection: Connection, claim: Claim) -> None:
    """Clear a claim that is known to hold, as after a write that was fenced by it."""
    _write(connection, claim, claimed_by=None, claim_expires_at_ms=None, claim_token=None)


def fence(claim: Claim, *, now_ms: int) -> tuple[ColumnElement[bool], ...]:
    """What a row of ``runs`` must satisfy for the claim to hold; part of every write under it."""
    return (
        runs.c.claim_epoch == claim.epoch,
        runs.c.claim_token == claim.token,
        runs.c.claimed_by == (claim.worker or ""),
        runs.c.claim_expires_at_ms > now_ms,
    )


def refuse_unless_held(claim: Claim, row: Mapping[str, Any], *, now_ms: int) -> None:
    """Raise ``LeaseLostError`` if the claim does not hold for a row that was read."""
    expires_at_ms = row["claim_expires_at_ms"]
    if not (
        row["claim_epoch"] == claim.epoch
        and row["claim_token"] == claim.token
        and row["claimed_by"] == (claim.worker or "")
        and type(expires_at_ms) is int  # none of a released claim; anything in a damaged row
        and expires_at_ms > now_ms
    ):
        raise lost(claim)


def refuse_if_ended(claim: Claim, row: Mapping[str, Any]) -> None:
    """Raise ``LeaseLostError`` for a run that has ended.

    One that somebody else ended, by cancelling it for example, is not the worker's any more.
    """
    if row["status"] in _TERMINAL:
        raise LeaseLostError(
            f"The run {named(claim.run_id)} has ended meanwhile, as {row['status']}. "
            "Stop working on it and release it; nothing was written."
        )


def lost(claim: Claim) -> LeaseLostError:
    """The error for a claim that does not hold any more, whatever became of it."""
    return LeaseLostError(
        f"The lease of {claim.worker!r} on the run {named(claim.run_id)} has ended, or another "
        "worker took the run over. Stop working on it; nothing was written. Renew a lease before "
        "it ends, or ask for a longer one."
    )


def _still_held(
    connection: Connection, claim: Claim, scope: TenantScope | None, *, may_have_ended: bool = False
) -> int:
    """Lock the run and give the time, at which the claim holds.

    The clock is read with the lock in hand: waiting for it may take longer than the lease.
    """
    if not isinstance(claim, Claim):
        raise TypeError(f"A claim is what claim_next gave, not {claim!r}.")
    columns = (
        runs.c.status,
        runs.c.claim_epoch,
        runs.c.claim_token,
        runs.c.claimed_by,
        runs.c.claim_expires_at_ms,
    )
    query = select(*columns).where(runs.c.run_id == claim.run_id, *within(scope))
    found = connection.execute(query.with_for_update()).one_or_none()
    if found is None:
        raise lost(claim)
    row = found._asdict()
    now_ms = dialect.now_ms(connection)
    refuse_unless_held(claim, row, now_ms=now_ms)
    if not may_have_ended:
        refuse_if_ended(claim, row)
    return now_ms


def _write(connection: Connection, claim: Claim, **values: object) -> None:
    itself = runs.c.run_id == claim.run_id
    connection.execute(update(runs).where(itself).values(**values))

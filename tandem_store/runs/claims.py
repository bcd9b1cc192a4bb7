"""Claims and leases: which worker holds a run, until when, and what it proves by it.

A claim is kept in columns beside the record: it changes neither the record nor its revision. A
worker proves that it holds a run by the epoch of its claim, which grows with every claim, and by
the token drawn for it. One that was away for too long cannot undo the work of its successor: this
is a fencing token, as in
https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, select, update

from tandem_store.database import dialect
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged
from tandem_store.database.prepared import Prepared
from tandem_store.errors import LeaseLostError, quote_id
from tandem_store.records import TERMINAL_STATUSES
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Tenancy
from tandem_store.tables import runs

_MILLISECOND: Final = timedelta(milliseconds=1)
_TERMINAL: Final = frozenset(status.value for status in TERMINAL_STATUSES)

#: What a claim is made of, in the order of ``claim_of``.
COLUMNS: Final = (
    runs.c.run_id,
    runs.c.claimed_by,
    runs.c.claim_epoch,
    runs.c.claim_expires_at_ms,
    runs.c.claim_token,
)
_TYPES: Final = RowTypes(COLUMNS)
#: What is read of a run that is locked.
_LOCKED: Final = (*(column.name for column in COLUMNS), "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim on one run; ``worker`` is None when it was released."""

    run_id: str
    worker: str | None
    #: Grows with every claim, as long as the run is not deleted.
    epoch: int
    #: When the lease ends unless renewed, in milliseconds UTC by the database's clock.
    expires_at_ms: int | None
    #: Drawn for this claim; None when it was released.
    token: int | None = field(default=None, repr=False)


def claims(context: RunsContext) -> Iterator[Claim]:
    """Yield the claim of every run that was ever claimed, by the code points of the ids."""
    ever_claimed = runs.c.claimed_by.is_not(None) | (runs.c.claim_epoch > 0)
    own = context.tenancy.conditions()
    query = select(*COLUMNS).where(ever_claimed, *own).order_by(runs.c.run_id)
    return map(claim_of, context.connection.execute(query, context.values()))


def renew(context: RunsContext, claim: Claim, lease: timedelta) -> Claim:
    """Let the lease end ``lease`` from now and return the claim with its new end."""
    length_ms = milliseconds(lease)
    row, now_ms = _locked(context, claim)
    refuse_unless_working(claim, row, now_ms=now_ms)
    renewed = replace(claim, expires_at_ms=now_ms + length_ms)
    _write(context, claim, claim_expires_at_ms=renewed.expires_at_ms)
    return renewed


def release(context: RunsContext, claim: Claim) -> None:
    """Give the run back, whether it has ended or not."""
    row, now_ms = _locked(context, claim)
    _refuse_unless_held(claim, row, now_ms=now_ms)
    clear_claim(context, claim)


def clear_claim(context: RunsContext, claim: Claim) -> None:
    """Clear a claim that is known to be held, as after a write under it."""
    _write(context, claim, claimed_by=None, claim_expires_at_ms=None, claim_token=None)


def is_held() -> tuple[ColumnElement[bool], ...]:
    """Return what a row of ``runs`` must satisfy for a write under a claim; see ``held_values``."""
    return tuple(_lease_conditions({name: bindparam(name) for name in _LEASE}, runs.c))


def held_values(claim: Claim, *, now_ms: int) -> dict[str, Any]:
    """Return the values of the parameters in ``is_held``."""
    held = (claim.epoch, claim.token, claim.worker or "", now_ms)
    return dict(zip(_LEASE, held, strict=True))


def refuse_unless_working(claim: Claim, row: Mapping[str, Any], *, now_ms: int) -> None:
    """Raise ``LeaseLostError`` unless the worker holds the run and it goes on.

    A run that somebody else ended, by cancelling it for example, is not the worker's any more.
    """
    _refuse_unless_held(claim, row, now_ms=now_ms)
    if row["status"] in _TERMINAL:
        raise LeaseLostError(
            f"The run {quote_id(claim.run_id)} has ended meanwhile, as {row['status']}. Stop "
            "working on it and release it; nothing was written."
        )


def lost(claim: Claim) -> LeaseLostError:
    """Return the error for a claim that is not held any more, for whatever reason."""
    return LeaseLostError(
        f"The lease of {claim.worker!r} on the run {quote_id(claim.run_id)} has ended, or another "
        "worker took the run over. Stop working on it; nothing was written. Renew a lease before "
        "it ends, or ask for a longer one."
    )


#: What a claim and the clock say, as parameters.
_LEASE: Final = ("held_epoch", "held_token", "held_worker", "held_at_ms")


def _lease_conditions(held: Mapping[str, Any], row: Any) -> Iterator[Any]:
    """Yield the conditions under which a claim is held: as SQL if ``row`` is ``runs.c``.

    They are booleans for a row that was read. Both kinds of rows follow the same conditions, which
    are stated nowhere else.
    """
    epoch, token, worker, now_ms = (held[name] for name in _LEASE)
    yield row["claim_epoch"] == epoch
    yield row["claim_token"] == token
    yield row["claimed_by"] == worker
    yield row["claim_expires_at_ms"] > now_ms


def _refuse_unless_held(claim: Claim, row: Mapping[str, Any], *, now_ms: int) -> None:
    try:
        held = all(_lease_conditions(held_values(claim, now_ms=now_ms), row))
    except TypeError:
        held = False  # a damaged row, with something else than a time
    if not held:
        raise lost(claim)


def _locked(context: RunsContext, claim: Claim) -> tuple[Mapping[str, Any], int]:
    """Lock the run; returns its row and the time.

    The clock is read after the row was locked: waiting for it may take longer than the lease.
    """
    if not isinstance(claim, Claim):
        raise TypeError(f"A claim is what claim_next gave, not {claim!r}.")
    values = context.values(run_id=claim.run_id)
    row = _lock(context.tenancy).first(context.connection, values)
    if row is None:
        raise lost(claim)
    return dict(zip(_LOCKED, row, strict=True)), dialect.now_ms(context.connection)


@cache
def _lock(tenancy: Tenancy) -> Prepared:
    itself = runs.c.run_id == bindparam("run_id")
    columns = (*COLUMNS, runs.c.status)
    return Prepared(select(*columns).where(itself, *tenancy.conditions()).with_for_update())


def _write(context: RunsContext, claim: Claim, **values: object) -> None:
    statement = _writing(tuple(values))
    new = {f"new_{name}": value for name, value in values.items()}
    statement.write(context.connection, {**new, "of_run": claim.run_id})


@cache
def _writing(names: tuple[str, ...]) -> Prepared:
    """Return the statement that writes these columns of a claim."""
    statement = update(runs).where(runs.c.run_id == bindparam("of_run"))
    return Prepared(statement.values({name: bindparam(f"new_{name}") for name in names}))


def milliseconds(lease: timedelta) -> int:
    """Return the length of a lease.

    Raises ``ValueError`` if it is not a timedelta, or shorter than a millisecond.
    """
    if not isinstance(lease, timedelta) or lease < _MILLISECOND:
        raise ValueError(
            f"A lease is a timedelta of a millisecond or more, not {lease!r}: timedelta(minutes=5)"
        )
    return lease // _MILLISECOND


def claim_of(row: Sequence[Any]) -> Claim:
    """Return the claim of a row with ``COLUMNS``. Raises ``NotAStoreError`` for damage."""
    run_id, worker, epoch, expires_at_ms, token = row
    try:
        _TYPES.refuse_others(row)
        return Claim(
            run_id=run_id, worker=worker, epoch=epoch, expires_at_ms=expires_at_ms, token=token
        )
    except DAMAGE as error:
        raise damaged(f"The claim on the run {run_id!r}", f"cannot be read: {error}") from error

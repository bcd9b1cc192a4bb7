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
from functools import cache, lru_cache
from secrets import randbits
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, Select, bindparam, literal, select, update

from tandem_store.database import dialect
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged
from tandem_store.database.dialect import unindexed
from tandem_store.database.prepared import Prepared
from tandem_store.errors import LeaseLostError, quote_id
from tandem_store.mapping import STORED_VERSION
from tandem_store.records import TERMINAL_STATUSES, RunFilter, RunStatus
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Shape, Tenancy
from tandem_store.tables import runs

_MILLISECOND: Final = timedelta(milliseconds=1)
_TERMINAL: Final = frozenset(status.value for status in TERMINAL_STATUSES)
#: In these, a worker was at work when its lease ended.
_AT_WORK: Final = (RunStatus.QUEUED.value, RunStatus.RUNNING.value, RunStatus.PAUSING.value)
#: Not a parameter: a database uses a partial index only for conditions that it can read.
_QUEUED_STATUS: Final = literal(RunStatus.QUEUED.value, literal_execute=True)

_COLUMNS: Final = (
    runs.c.run_id,
    runs.c.claimed_by,
    runs.c.claim_epoch,
    runs.c.claim_expires_at_ms,
    runs.c.claim_token,
)
_TYPES: Final = RowTypes(_COLUMNS)
#: What is read of a run that is locked.
_LOCKED: Final = (*(column.name for column in _COLUMNS), "status")


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
    query = select(*_COLUMNS).where(ever_claimed, *own).order_by(runs.c.run_id)
    return map(_claim, context.connection.execute(query, context.values()))


def claim_next(
    context: RunsContext,
    worker: str,
    lease: timedelta,
    run_filter: RunFilter | None,
    *,
    include_imported: bool,
) -> Claim | None:
    """Claim the next run for the worker; one whose lease expired comes before those in the queue.

    Returns None if there is no such run.
    """
    if not worker.strip():
        raise ValueError("A worker needs a name that is not blank, as host and process id.")
    selection, length_ms = context.selection(run_filter), _milliseconds(lease)
    now_ms = dialect.now_ms(context.connection)
    values = {
        **selection.values(),
        "new_worker": worker,
        "new_expiry": now_ms + length_ms,
        "new_token": randbits(63),
        "now_ms": now_ms,
    }
    for statement in _claiming(selection.shape(), include_imported=include_imported):
        claimed = statement.all(context.connection, values)
        if claimed:
            return _claim(claimed[0])
    return None


#: The lease that ended first comes first, so that a run which nobody can finish does not keep the
#: others waiting.
_EXPIRED: Final = (
    select(runs.c.run_id)
    .where(
        runs.c.claimed_by.is_not(None),
        runs.c.status.in_(_AT_WORK),
        runs.c.claim_expires_at_ms <= bindparam("now_ms"),
    )
    .order_by(runs.c.claim_expires_at_ms, runs.c.created_at_ms, runs.c.run_id)
)
_QUEUED: Final = (
    select(runs.c.run_id)
    .where(runs.c.status == _QUEUED_STATUS, runs.c.claimed_by.is_(None))
    .order_by(runs.c.created_at_ms, runs.c.run_id)
)


@lru_cache(256)
def _claiming(shape: Shape, *, include_imported: bool) -> tuple[Prepared, ...]:
    """Return two statements to try in turn; each claims one run and returns the claim."""
    conditions = [*shape.conditions(unindexed), runs.c.schema_version <= STORED_VERSION]
    if not include_imported:
        conditions.append(~runs.c.imported)
    return tuple(Prepared(_claim_first(one.where(*conditions))) for one in (_EXPIRED, _QUEUED))


def _claim_first(candidates: Select[str]) -> Executable:
    # Where rows are locked one by one, skip those that another worker is just claiming.
    first = candidates.limit(1).with_for_update(skip_locked=True)
    return (
        update(runs)
        .where(runs.c.run_id == first.correlate(None).scalar_subquery())
        .values(
            claimed_by=bindparam("new_worker"),
            claim_epoch=runs.c.claim_epoch + 1,
            claim_expires_at_ms=bindparam("new_expiry"),
            claim_token=bindparam("new_token"),
        )
        .returning(*_COLUMNS)
    )


def renew(context: RunsContext, claim: Claim, lease: timedelta) -> Claim:
    """Let the lease end ``lease`` from now and return the claim with its new end."""
    length_ms = _milliseconds(lease)
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
    columns = (*_COLUMNS, runs.c.status)
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


def _milliseconds(lease: timedelta) -> int:
    """Return the length of a lease.

    Raises ``ValueError`` if it is not a timedelta, or shorter than a millisecond.
    """
    if not isinstance(lease, timedelta) or lease < _MILLISECOND:
        raise ValueError(
            f"A lease is a timedelta of a millisecond or more, not {lease!r}: timedelta(minutes=5)"
        )
    return lease // _MILLISECOND


def _claim(row: Sequence[Any]) -> Claim:
    run_id, worker, epoch, expires_at_ms, token = row
    try:
        _TYPES.refuse_others(row)
        return Claim(
            run_id=run_id, worker=worker, epoch=epoch, expires_at_ms=expires_at_ms, token=token
        )
    except DAMAGE as error:
        raise damaged(f"The claim on the run {run_id!r}", f"cannot be read: {error}") from error

"""Claims: which worker holds a run, until when, and how often it was claimed.

They are columns beside the record and never part of it: a claim changes neither the record nor its
revision. Whoever holds one proves it by its epoch, which grows with every claim, so a worker that
was away for too long cannot undo the work of its successor (a fencing token, as in
https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Row,
    Select,
    bindparam,
    literal,
    not_,
    or_,
    select,
    update,
)

from tandem_store import engine
from tandem_store.errors import LeaseLostError
from tandem_store.mapping import STORED_VERSION, from_column, to_column
from tandem_store.records import RunStatus, TenantScope
from tandem_store.runs.selection import Selection, within
from tandem_store.schema import runs

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim on one run; ``worker`` is None when it was released."""

    run_id: str
    worker: str | None
    #: Grows with every claim and never goes back.
    epoch: int
    #: When the lease ends unless renewed, in milliseconds UTC by the database's clock.
    expires_at_ms: int | None


def claims(connection: Connection, scope: TenantScope | None) -> Iterator[Claim]:
    """Every run of the tenant that was ever claimed, by the code points of the ids."""
    query = (
        select(*_COLUMNS)
        .where(or_(runs.c.claimed_by.is_not(None), runs.c.claim_epoch > 0), *within(scope))
        .order_by(runs.c.run_id)
    )
    return map(_claim, connection.execute(query))


def take(
    connection: Connection,
    worker: str,
    lease: timedelta,
    selection: Selection,
    *,
    include_imported: bool,
) -> Claim | None:
    """Claim the first run to work on; None if there is none.

    One whose lease ran out comes before those that nobody has begun.
    """
    if not worker.strip():
        raise ValueError("A worker needs a name that is not blank, as host and process id.")
    now_ms = engine.now_ms(connection)
    values = {
        "new_worker": to_column(worker),
        "new_expiry": now_ms + _milliseconds(lease),
        "now_ms": now_ms,
    }
    for statement in _taking(selection, include_imported=include_imported):
        taken = connection.execute(statement, values).one_or_none()
        if taken is not None:
            return _claim(taken)
    return None


def renew(
    connection: Connection, claim: Claim, lease: timedelta, scope: TenantScope | None
) -> Claim:
    """Let the lease end ``lease`` from now. Raises ``LeaseLostError`` if it has ended already."""
    expires_at_ms = engine.now_ms(connection) + _milliseconds(lease)
    _write(connection, claim, scope, claim_expires_at_ms=expires_at_ms)
    return replace(claim, expires_at_ms=expires_at_ms)


def release(connection: Connection, claim: Claim, scope: TenantScope | None) -> None:
    """Give the run back. Raises ``LeaseLostError`` if the lease has ended already."""
    _write(connection, claim, scope, **_NOBODY)


def let_go(connection: Connection, claim: Claim) -> None:
    """Clear a claim that is known to hold, as after a write that was fenced by it."""
    named = runs.c.run_id == to_column(claim.run_id)
    connection.execute(update(runs).where(named).values(**_NOBODY))


def is_held(claim: Claim, *, now_ms: int) -> tuple[ColumnElement[bool], ...]:
    """What a row of ``runs`` must satisfy for the claim to hold; the fence before every write."""
    return (
        runs.c.claim_epoch == claim.epoch,
        runs.c.claimed_by == to_column(claim.worker or ""),
        runs.c.claim_expires_at_ms > now_ms,
    )


def holds(claim: Claim, columns: Mapping[str, Any], *, now_ms: int) -> bool:
    """The same, of a row that was read."""
    return bool(
        columns["claim_epoch"] == claim.epoch
        and columns["claimed_by"] == to_column(claim.worker or "")
        and columns["claim_expires_at_ms"] > now_ms
    )


def lost(claim: Claim) -> LeaseLostError:
    """The error for a claim that does not hold any more, whatever became of it."""
    return LeaseLostError(
        f"The lease of {claim.worker!r} on the run {claim.run_id!r} has ended, or another worker "
        "took the run over. Stop working on it; nothing was written. Renew a lease before it ends, "
        "or ask for a longer one."
    )


#: The columns of a run that nobody holds; the epoch stays.
_NOBODY: Final[dict[str, Any]] = {"claimed_by": None, "claim_expires_at_ms": None}
_COLUMNS: Final = (
    runs.c.run_id,
    runs.c.claimed_by,
    runs.c.claim_epoch,
    runs.c.claim_expires_at_ms,
)


#: In these, somebody was at work when the lease ended.
_AT_WORK: Final = (RunStatus.QUEUED.value, RunStatus.RUNNING.value, RunStatus.PAUSING.value)
#: Not a parameter: a database uses a partial index only for conditions that it can read.
_QUEUED: Final = literal(RunStatus.QUEUED.value, literal_execute=True)


@lru_cache(256)
def _taking(selection: Selection, *, include_imported: bool) -> tuple[Executable, ...]:
    """Two statements to try in turn, each of which takes one run and gives its claim."""
    candidates = (_run_out(), _queued(include_imported=include_imported))
    return tuple(_take_first(one.where(*selection.conditions())) for one in candidates)


def _take_first(candidates: Select[str]) -> Executable:
    first = (
        candidates.where(runs.c.schema_version <= STORED_VERSION)
        .order_by(runs.c.created_at_ms, runs.c.run_id)
        .limit(1)
        # Where rows are locked one by one, pass over what another worker is just taking.
        .with_for_update(skip_locked=True)
    )
    return (
        update(runs)
        .where(runs.c.run_id == first.correlate(None).scalar_subquery())
        .values(
            claimed_by=bindparam("new_worker"),
            claim_epoch=runs.c.claim_epoch + 1,
            claim_expires_at_ms=bindparam("new_expiry"),
        )
        .returning(*_COLUMNS)
    )


def _run_out() -> Select[str]:
    return select(runs.c.run_id).where(
        runs.c.claimed_by.is_not(None),
        runs.c.status.in_(_AT_WORK),
        runs.c.claim_expires_at_ms <= bindparam("now_ms"),
    )


def _queued(*, include_imported: bool) -> Select[str]:
    queued = select(runs.c.run_id).where(runs.c.status == _QUEUED, runs.c.claimed_by.is_(None))
    return queued if include_imported else queued.where(not_(runs.c.imported))


def _write(
    connection: Connection, claim: Claim, scope: TenantScope | None, **values: object
) -> None:
    held = is_held(claim, now_ms=engine.now_ms(connection))
    named = runs.c.run_id == to_column(claim.run_id)
    written = connection.execute(update(runs).where(named, *held, *within(scope)).values(**values))
    if not written.rowcount:
        raise lost(claim)


def _milliseconds(lease: timedelta) -> int:
    if not isinstance(lease, timedelta) or lease < _MILLISECOND:
        raise ValueError(
            f"A lease is a timedelta of a millisecond or more, not {lease!r}: timedelta(minutes=5)"
        )
    return lease // _MILLISECOND


def _claim(row: Row[*tuple[Any, ...]]) -> Claim:
    return Claim(
        run_id=from_column(row.run_id),
        worker=None if row.claimed_by is None else from_column(row.claimed_by),
        epoch=row.claim_epoch,
        expires_at_ms=row.claim_expires_at_ms,
    )

"""The queue: which run a worker gets next, and when there will be one."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from secrets import randbits
from typing import Final

from sqlalchemy import ColumnElement, Executable, Select, bindparam, literal, or_, select, update

from tandem_store.database import dialect
from tandem_store.database.dialect import unindexed
from tandem_store.database.prepared import Prepared
from tandem_store.mapping import STORED_VERSION
from tandem_store.records import RunFilter, RunStatus
from tandem_store.runs.claims import COLUMNS, Claim, claim_of, milliseconds
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Shape
from tandem_store.tables import runs

#: In these, a worker was at work when its lease ended.
_AT_WORK: Final = (RunStatus.QUEUED.value, RunStatus.RUNNING.value, RunStatus.PAUSING.value)
#: Not a parameter: a database uses a partial index only for conditions that it can read.
_QUEUED_STATUS: Final = literal(RunStatus.QUEUED.value, literal_execute=True)


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
    selection, length_ms = context.selection(run_filter), milliseconds(lease)
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
            return claim_of(claimed[0])
    return None


def next_due(
    context: RunsContext, run_filter: RunFilter | None, *, include_imported: bool
) -> int | None:
    """Return when the next run can be claimed that cannot be yet, in milliseconds UTC."""
    selection = context.selection(run_filter)
    values = {**selection.values(), "now_ms": dialect.now_ms(context.connection)}
    times = [
        row[0]
        for query in _becoming_due(selection.shape(), include_imported=include_imported)
        if (row := query.first(context.connection, values)) is not None
    ]
    return min(times, default=None)


_IS_DUE: Final = or_(
    runs.c.not_due_before_ms.is_(None), runs.c.not_due_before_ms <= bindparam("now_ms")
)
#: The lease that ended first comes first, so that a run which nobody can finish does not keep the
#: others waiting.
_EXPIRED: Final = (
    select(runs.c.run_id)
    .where(
        runs.c.claimed_by.is_not(None),
        runs.c.status.in_(_AT_WORK),
        runs.c.claim_expires_at_ms <= bindparam("now_ms"),
        # Its worker may have put it off, and died before the run was released.
        _IS_DUE,
    )
    .order_by(runs.c.claim_expires_at_ms, runs.c.created_at_ms, runs.c.run_id)
)
_IS_QUEUED: Final = (runs.c.status == _QUEUED_STATUS, runs.c.claimed_by.is_(None))
_QUEUE: Final = (
    select(runs.c.run_id).where(*_IS_QUEUED, _IS_DUE).order_by(runs.c.created_at_ms, runs.c.run_id)
)
#: The first run that stops backing off, and the first lease that ends, each unless the other keeps
#: the run waiting for longer.
_BACKING_OFF: Final = (
    select(runs.c.not_due_before_ms)
    .where(
        unindexed(runs.c.status) == _QUEUED_STATUS,
        or_(
            unindexed(runs.c.claimed_by).is_(None),
            unindexed(runs.c.claim_expires_at_ms) <= runs.c.not_due_before_ms,
        ),
        runs.c.not_due_before_ms > bindparam("now_ms"),
    )
    .order_by(runs.c.not_due_before_ms)
)
_LEASED: Final = (
    select(runs.c.claim_expires_at_ms)
    .where(
        runs.c.claimed_by.is_not(None),
        runs.c.status.in_(_AT_WORK),
        runs.c.claim_expires_at_ms > bindparam("now_ms"),
        or_(
            runs.c.not_due_before_ms.is_(None),
            runs.c.not_due_before_ms < runs.c.claim_expires_at_ms,
        ),
    )
    .order_by(runs.c.claim_expires_at_ms)
)


@lru_cache(256)
def _claiming(shape: Shape, *, include_imported: bool) -> tuple[Prepared, ...]:
    """Return two statements to try in turn; each claims one run and returns the claim."""
    conditions = _claimable(shape, include_imported=include_imported)
    return tuple(Prepared(_claim_first(one.where(*conditions))) for one in (_EXPIRED, _QUEUE))


@lru_cache(256)
def _becoming_due(shape: Shape, *, include_imported: bool) -> tuple[Prepared, ...]:
    """Return two queries, each for the first time of its kind."""
    conditions = _claimable(shape, include_imported=include_imported)
    return tuple(Prepared(one.where(*conditions).limit(1)) for one in (_BACKING_OFF, _LEASED))


def _claimable(shape: Shape, *, include_imported: bool) -> list[ColumnElement[bool]]:
    """Return the conditions for the runs that a worker may have, now or later."""
    conditions = [*shape.conditions(unindexed), runs.c.schema_version <= STORED_VERSION]
    return conditions if include_imported else [*conditions, ~runs.c.imported]


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
        .returning(*COLUMNS)
    )

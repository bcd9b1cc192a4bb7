"""Claims: which worker holds a run, until when, and how often it was claimed.

They are columns beside the record and never part of it: a claim changes neither the record nor its
revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from secrets import randbits
from typing import Any, Final

from sqlalchemy import (
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

from tandem_store.database import dialect
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged
from tandem_store.mapping import STORED_VERSION
from tandem_store.models import runs, unindexed
from tandem_store.records import RunStatus, TenantScope
from tandem_store.runs.selection import Selection, within

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim on one run; ``worker`` is None when it was released."""

    run_id: str
    worker: str | None
    #: Grows with every claim, as long as the run is not deleted.
    epoch: int
    #: When the lease ends unless renewed, in milliseconds UTC by the database's clock.
    expires_at_ms: int | None
    #: Drawn for this claim alone; None when it was released.
    token: int | None = field(default=None, repr=False)


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
    now_ms = dialect.now_ms(connection)
    values = {
        "new_worker": worker,
        "new_expiry": now_ms + milliseconds(lease),
        "new_token": randbits(63),
        "now_ms": now_ms,
    }
    for statement in _taking(selection, include_imported=include_imported):
        taken = connection.execute(statement, values).one_or_none()
        if taken is not None:
            return _claim(taken)
    return None


_COLUMNS: Final = (
    runs.c.run_id,
    runs.c.claimed_by,
    runs.c.claim_epoch,
    runs.c.claim_expires_at_ms,
    runs.c.claim_token,
)
_TYPES: Final = RowTypes(_COLUMNS)

#: In these, somebody was at work when the lease ended.
_AT_WORK: Final = (RunStatus.QUEUED.value, RunStatus.RUNNING.value, RunStatus.PAUSING.value)
#: Not a parameter: a database uses a partial index only for conditions that it can read.
_QUEUED: Final = literal(RunStatus.QUEUED.value, literal_execute=True)


@lru_cache(256)
def _taking(selection: Selection, *, include_imported: bool) -> tuple[Executable, ...]:
    """Two statements to try in turn, each of which takes one run and returns its claim."""
    conditions = [*selection.conditions(unindexed), runs.c.schema_version <= STORED_VERSION]
    if not include_imported:
        conditions.append(not_(runs.c.imported))
    return tuple(_take_first(one.where(*conditions)) for one in (_RUN_OUT, _IN_QUEUE))


def _take_first(candidates: Select[str]) -> Executable:
    first = (
        candidates.limit(1)
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
            claim_token=bindparam("new_token"),
        )
        .returning(*_COLUMNS)
    )


#: The lease that ended first comes first, so that a run which nobody can finish does not keep the
#: others waiting.
_RUN_OUT: Final = (
    select(runs.c.run_id)
    .where(
        runs.c.claimed_by.is_not(None),
        runs.c.status.in_(_AT_WORK),
        runs.c.claim_expires_at_ms <= bindparam("now_ms"),
    )
    .order_by(runs.c.claim_expires_at_ms, runs.c.created_at_ms, runs.c.run_id)
)
_IN_QUEUE: Final = (
    select(runs.c.run_id)
    .where(runs.c.status == _QUEUED, runs.c.claimed_by.is_(None))
    .order_by(runs.c.created_at_ms, runs.c.run_id)
)


def milliseconds(lease: timedelta) -> int:
    """The length of a lease; raises ``ValueError`` if it is none, or shorter than one."""
    if not isinstance(lease, timedelta) or lease < _MILLISECOND:
        raise ValueError(
            f"A lease is a timedelta of a millisecond or more, not {lease!r}: timedelta(minutes=5)"
        )
    return lease // _MILLISECOND


def _claim(row: Row[*tuple[Any, ...]]) -> Claim:
    try:
        _TYPES.refuse_others(row)
        return Claim(
            run_id=row.run_id,
            worker=row.claimed_by,
            epoch=row.claim_epoch,
            expires_at_ms=row.claim_expires_at_ms,
            token=row.claim_token,
        )
    except DAMAGE as error:
        raise damaged(f"The claim on the run {row.run_id!r}", f"cannot be read: {error}") from error

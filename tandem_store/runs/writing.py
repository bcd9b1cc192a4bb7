"""Adding, replacing and removing runs, as compare-and-swap on the revision."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from tandem_store import engine, partitions
from tandem_store.errors import ConflictError, NotFoundError, StoreError
from tandem_store.mapping import from_column, to_column
from tandem_store.records import RunRecord, TenantScope
from tandem_store.runs import listing, packed
from tandem_store.runs.admission import admitted
from tandem_store.runs.change import Change, changed
from tandem_store.runs.claims import Claim, holds, is_held, let_go, lost
from tandem_store.runs.listing import Place
from tandem_store.runs.packed import PackedRun
from tandem_store.runs.selection import within
from tandem_store.runs.whole import Versioned, read_one
from tandem_store.schema import runs

_log: Final = logging.getLogger(__name__)

#: How many runs are inserted by one statement.
_BATCH: Final = 500


def add(connection: Connection, new: Iterable[RunRecord], scope: TenantScope | None) -> int:
    """Store new runs, all or none of them; gives how many."""
    ready = [admitted(run, scope) for run in new]
    ids = [run.columns["run_id"] for run in ready]
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise ConflictError(f"The run {from_column(twice)!r} is given twice. Add it once.")
    partitions.ensure(connection, {run.month for run in ready})
    try:
        # Rolled back to if an id is taken, so that the caller's transaction can go on.
        with connection.begin_nested():
            for first in range(0, len(ready), _BATCH):
                packed.place(connection, ready[first : first + _BATCH], imported=False)
    except IntegrityError as error:
        raise _taken(connection, ids, scope, error) from error
    return len(ready)


def save(
    connection: Connection,
    run: RunRecord,
    scope: TenantScope | None,
    *,
    expected_revision: int | None,
    force: bool,
) -> int:
    """Write a run over the stored one with its id; gives the new revision."""
    new = admitted(run, scope)
    for lock in (False, True):
        there = _there(connection, run.run_id, scope, lock=lock)
        if not force and there.revision != expected_revision:
            raise _moved_on(run.run_id, expected_revision, there.revision)
        if _swap(connection, new, there, scope):
            return there.revision + 1
    raise _gone(run.run_id)


def update(
    connection: Connection,
    run_id: str,
    change: Change,
    scope: TenantScope | None,
    claim: Claim | None = None,
    *,
    ends: bool = False,
) -> Versioned:
    """Read, change and write back a run; again, with the row locked, if another was quicker.

    Nobody waits for the first ``change``; the second one cannot be overtaken.
    """
    for lock in (False, True):
        if lock:
            listing.locate(connection, to_column(run_id), scope, lock=True)
        stored = read_one(connection, to_column(run_id), scope)
        now_ms = engine.now_ms(connection)
        if stored is None or not (claim is None or holds(claim, stored.columns, now_ms=now_ms)):
            raise _gone(run_id, claim)
        after = changed(stored.record(), change, now_ms=now_ms)
        if ends and not after.is_terminal:
            raise ValueError(
                f"finish ends a run, so its status must be a terminal one, not {after.status!s}. "
                "To give the run back, use release."
            )
        new, there = admitted(after, scope), Place(stored.month, stored.revision)
        if _swap(connection, new, there, scope, claim):
            return Versioned(after, there.revision + 1)
        _log.debug("The run %r was written by another; trying again.", run_id)
    raise _gone(run_id, claim)


def finish(
    connection: Connection, claim: Claim, change: Change, scope: TenantScope | None
) -> Versioned:
    """Change a run for the last time and let go of it."""
    finished = update(connection, claim.run_id, change, scope, claim, ends=True)
    let_go(connection, claim)
    return finished


def delete(connection: Connection, run_id: str, scope: TenantScope | None) -> None:
    """Remove a run and its document."""
    there = _there(connection, run_id, scope, lock=True)
    partitions.ensure(connection, [there.month])
    packed.remove(connection, to_column(run_id), there.month)


def _there(connection: Connection, run_id: str, scope: TenantScope | None, *, lock: bool) -> Place:
    there = listing.locate(connection, to_column(run_id), scope, lock=lock)
    if there is None:
        raise _gone(run_id)
    return there


def _swap(
    connection: Connection,
    new: PackedRun,
    there: Place,
    scope: TenantScope | None,
    claim: Claim | None = None,
) -> bool:
    """Write the run over what was there; False if something else is there by now."""
    partitions.ensure(connection, [new.month])
    held = () if claim is None else is_held(claim, now_ms=engine.now_ms(connection))
    return packed.replace(
        connection,
        new,
        old_month=there.month,
        imported=False,
        revision=there.revision + 1,
        only_if=(runs.c.revision == there.revision, *held, *within(scope)),
    )


def _gone(run_id: str, claim: Claim | None = None) -> StoreError:
    # With a claim in hand, a run that is gone is one more way to have lost it.
    return NotFoundError(f"There is no run {run_id!r}.") if claim is None else lost(claim)


def _taken(
    connection: Connection, ids: Sequence[str], scope: TenantScope | None, error: IntegrityError
) -> Exception:
    taken = sorted(packed.taken_ids(connection, ids))
    if not taken:
        return error  # not about an id
    run_id, there = from_column(taken[0]), listing.locate(connection, taken[0], scope)
    if there is None:
        return ConflictError(f"The id {run_id!r} is taken. Give the run another id.")
    return ConflictError(
        f"There is a run {run_id!r} already. Read it with get_versioned and save it.",
        found=there.revision,
    )


def _moved_on(run_id: str, expected: int | None, found: int) -> ConflictError:
    if expected is None:
        return ConflictError(
            f"Saving the run {run_id!r} (revision {found}) needs the revision it was read at: pass "
            "expected_revision from get_versioned, or force=True to write over whatever is there.",
            found=found,
        )
    return ConflictError(
        f"The run {run_id!r} was written by another: it is at revision {found}, not {expected}. "
        "Read it again, apply the change, and save; update does that by itself.",
        expected=expected,
        found=found,
    )

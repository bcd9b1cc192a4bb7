"""Adding, replacing and removing runs: each write is a compare-and-swap on the revision."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.exc import IntegrityError

from tandem_store import holds, records
from tandem_store.database import dialect
from tandem_store.errors import ConflictError, NotFoundError, quote_id
from tandem_store.mapping import RunRows
from tandem_store.records import TERMINAL_STATUSES, RunStatus
from tandem_store.runs import claims, detached_runs, storage
from tandem_store.runs.claims import Claim
from tandem_store.runs.context import RunsContext
from tandem_store.runs.documents import StoredRun, Versioned, document
from tandem_store.runs.rules import Change, admitted, changed, refuse_new_fields, unknown_fields
from tandem_store.runs.selection import Tenancy
from tandem_store.runs.storage import StoredAt, all_or_nothing
from tandem_store.tables import runs

if TYPE_CHECKING:
    from tandem_store.records import RunRecord

_log: Final = logging.getLogger(__name__)

_TERMINAL: Final = frozenset(map(str, TERMINAL_STATUSES))

#: How many runs are inserted by one statement.
_BATCH: Final = 500
#: How often an id is tried that others keep adding and deleting.
_ATTEMPTS: Final = 3


def add(context: RunsContext, run: RunRecord) -> int:
    """Store a new run and return its revision."""
    rows = admitted(run, context.scope).rows
    _refuse_detached(context, [run.run_id])
    storage.ensure_months(context.connection, {rows.month})
    for _ in range(_ATTEMPTS):
        with all_or_nothing(context.connection):
            revision = storage.insert_run(context.connection, rows)
        if revision is not None:
            return revision
        if storage.taken_ids(context.connection, [run.run_id]):
            break
        # Deleted again since; try once more.
    raise _taken(context, run.run_id)


def add_many(context: RunsContext, new: Iterable[RunRecord]) -> int:
    """Store new runs, all or none of them, and return how many."""
    return len(_added(context, new))


def _added(context: RunsContext, new: Iterable[RunRecord]) -> list[int]:
    ready = [admitted(run, context.scope).rows for run in new]
    ids = [run.columns["run_id"] for run in ready]
    times = Counter(ids)
    if len(times) < len(ids):
        twice = times.most_common(1)[0][0]
        raise ConflictError(f"The run {quote_id(twice)} is given twice. Add it once.")
    _refuse_detached(context, ids)
    storage.ensure_months(context.connection, {run.month for run in ready})
    for _ in range(_ATTEMPTS):
        try:
            return _inserted(context, ready)
        except IntegrityError as error:
            failure = error
        if taken := sorted(storage.taken_ids(context.connection, ids)):
            raise _taken(context, taken[0]) from failure
        # Deleted again since; try once more, unless it was about something else.
    raise failure


def _inserted(context: RunsContext, ready: list[RunRows]) -> list[int]:
    revisions: list[int] = []
    # Rolled back to if an id is taken, so that the caller's transaction can go on.
    with context.connection.begin_nested():
        for first in range(0, len(ready), _BATCH):
            batch = ready[first : first + _BATCH]
            revisions += storage.insert_runs(context.connection, batch, imported=False)
    return revisions


def save(
    context: RunsContext,
    run: RunRecord,
    *,
    expected_revision: int | None,
    force: bool,
    allow_unknown: bool,
) -> int:
    """Write a run over the stored one with its id and return the new revision."""
    if not force and expected_revision is not None and type(expected_revision) is not int:
        raise TypeError(f"expected_revision is a whole number, not {expected_revision!r}")
    after, rows = admitted(run, context.scope)
    for _ in _attempts(context, run.run_id):
        stored_at = _located(context, run.run_id)
        if not force and stored_at.revision != expected_revision:
            raise _moved_on(run.run_id, expected_revision, stored_at.revision)
        if not allow_unknown and unknown_fields(after):
            refuse_new_fields(after, _stored_fields(context, run.run_id))
        if _swap(context, rows, stored_at):
            _log_if_left(run.run_id, stored_at.status, after.status)
            return stored_at.revision + 1
    raise _gone(run.run_id)


def update(
    context: RunsContext,
    run_id: str,
    change: Change,
    *,
    claim: Claim | None = None,
    allow_unknown: bool,
) -> Versioned:
    """Read a run, change it and write it back; again if another writer was quicker."""
    for _ in _attempts(context, run_id):
        written = _updated(context, run_id, change, claim, allow_unknown=allow_unknown)
        if written is not None:
            return written
    # Nobody else can have written it while its row was locked.
    raise _written_by_its_change(run_id) if claim is None else claims.lost(claim)


def _updated(
    context: RunsContext, run_id: str, change: Change, claim: Claim | None, *, allow_unknown: bool
) -> Versioned | None:
    """Return what was written, or None if the run is not as it was read any more."""
    stored = document(context, run_id)
    if stored is None:
        raise _gone(run_id) if claim is None else claims.lost(claim)
    now_ms = dialect.now_ms(context.connection)
    if claim is not None:
        claims.refuse_unless_working(claim, stored.columns, now_ms=now_ms)
    read = stored.read()
    before = read.run
    after, rows = admitted(changed(before, change, now_ms=now_ms), context.scope, read)
    if not allow_unknown:
        refuse_new_fields(after, unknown_fields(before))
    stored_at = StoredAt(stored.month, stored.revision, before.status)
    if not _swap(context, rows, stored_at, claim, stored):
        return None
    _log_if_left(run_id, before.status, after.status)
    reopened = before.is_terminal and not after.is_terminal
    return Versioned(after, stored.revision + 1, before.status if reopened else None)


def finish(context: RunsContext, claim: Claim, change: Change, *, allow_unknown: bool) -> Versioned:
    """Update a run to a terminal status under its claim, and clear the claim."""

    def to_the_end(run: RunRecord) -> RunRecord:
        after = change(run)
        if isinstance(after, records.RunRecord) and after.status not in tuple(TERMINAL_STATUSES):
            raise ValueError(
                f"finish ends a run, so its status must be a terminal one, not {after.status!s}. "
                "To give the run back, use release."
            )
        return after

    finished = update(context, claim.run_id, to_the_end, claim=claim, allow_unknown=allow_unknown)
    with all_or_nothing(context.connection):
        claims.clear_claim(context, claim)
    return finished


def delete(context: RunsContext, run_id: str) -> None:
    """Remove a run and its document."""
    stored_at = _located(context, run_id, lock=True)
    holds.keep_from_holding(context.connection)
    holds.refuse_held_run(context.connection, run_id)
    storage.ensure_months(context.connection, [stored_at.month])
    with all_or_nothing(context.connection):
        storage.remove(context.connection, run_id, stored_at.month, revision=stored_at.revision)


def _attempts(context: RunsContext, run_id: str) -> Iterator[None]:
    """Yield before each of two attempts; the second has the run locked, so nobody comes first."""
    yield
    _log.debug("The run %r was written by another; trying again.", run_id)
    storage.locate(context, run_id, lock=True)
    yield


def _same_snapshot(stored: StoredRun, new: RunRows) -> int | None:
    """Return the row of the stored run's snapshot, or None if the new one has another or none."""
    if new.snapshot is None or new.snapshot.digest != stored.columns["snapshot_digest"]:
        return None
    snapshot_id: int = stored.columns["snapshot_id"]
    return snapshot_id


def _swap(
    context: RunsContext,
    new: RunRows,
    stored_at: StoredAt,
    claim: Claim | None = None,
    stored: StoredRun | None = None,
) -> bool:
    """Write a run over the one that was read; returns False if that is not there any more.

    ``stored`` is the run as it was read, if all of it was. Then it must not have been forgotten
    since.
    """
    connection = context.connection
    storage.ensure_months(connection, [new.month])
    values = context.values(expected_revision=stored_at.revision)
    if claim is not None:
        # The lease may have ended while the run was changed, so the clock is read again.
        values |= claims.held_values(claim, now_ms=dialect.now_ms(connection))
    with all_or_nothing(connection):
        return storage.replace(
            connection,
            new,
            old_month=stored_at.month,
            imported=False,
            revision=stored_at.revision + 1,
            only_if=_as_it_was_read(context.tenancy, claimed=claim is not None),
            values=values,
            snapshot_id=None if stored is None else _same_snapshot(stored, new),
            before={} if stored is None else stored.columns,
            unless_forgotten=stored is not None,
        )


@cache
def _as_it_was_read(tenancy: Tenancy, *, claimed: bool) -> tuple[ColumnElement[bool], ...]:
    """Return what the row must satisfy to be written over."""
    held = claims.is_held() if claimed else ()
    return (runs.c.revision == bindparam("expected_revision"), *tenancy.conditions(), *held)


def _located(context: RunsContext, run_id: str, *, lock: bool = False) -> StoredAt:
    stored_at = storage.locate(context, run_id, lock=lock)
    if stored_at is None:
        detached_runs.refuse_if_detached(context, run_id)
        raise _gone(run_id)
    return stored_at


def _refuse_detached(context: RunsContext, run_ids: Sequence[str]) -> None:
    """Raise an error if an id belongs to a run of a detached month."""
    for run_id in sorted(detached_runs.updated_times(context.connection, run_ids)):
        detached_runs.refuse_if_detached(context, run_id)
        raise _taken(context, run_id)  # another tenant's, of which no more is said


def _stored_fields(context: RunsContext, run_id: str) -> frozenset[str]:
    stored = document(context, run_id)
    return frozenset() if stored is None else stored.fields()


def _log_if_left(run_id: str, before: str, after: RunStatus) -> None:
    """Log that a run is not in the terminal status any more that it was in."""
    if before in _TERMINAL and before != after:
        _log.info("The run %s was %s and is %s now.", quote_id(run_id), before, after)


def _gone(run_id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no run {quote_id(run_id)}. Check the id; the run may have been deleted."
    )


def _taken(context: RunsContext, run_id: str) -> ConflictError:
    stored_at = storage.locate(context, run_id)
    if stored_at is None:
        return ConflictError(f"The id {quote_id(run_id)} is taken. Give the run another id.")
    return ConflictError(
        f"There is a run {quote_id(run_id)} already. Read it with get_versioned and save it.",
        found=stored_at.revision,
    )


def _moved_on(run_id: str, expected: int | None, found: int) -> ConflictError:
    if expected is None:
        return ConflictError(
            f"Saving the run {quote_id(run_id)} (revision {found}) needs the revision it was read "
            "at: pass expected_revision from get_versioned, or force=True to write over whatever "
            "is there.",
            found=found,
        )
    return ConflictError(
        f"The run {quote_id(run_id)} was written by another: it is at revision {found}, not "
        f"{expected}. Read it again, apply the change, and save; update does that by itself.",
        expected=expected,
        found=found,
    )


def _written_by_its_change(run_id: str) -> ConflictError:
    return ConflictError(
        f"The run {quote_id(run_id)} was written by its own change. A change must do nothing but "
        "return the changed run."
    )

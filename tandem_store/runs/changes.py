"""Adding, replacing and removing runs, as compare-and-swap on the revision."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from tandem_store.database import dialect, partitions
from tandem_store.errors import ConflictError, NotFoundError, StoreError
from tandem_store.models import runs
from tandem_store.month import Month
from tandem_store.records import TERMINAL_STATUSES, RunRecord, RunStatus, TenantScope
from tandem_store.runs import leases, listing, storage
from tandem_store.runs.admission import admitted, refuse_new_fields, unknown_fields
from tandem_store.runs.claims import Claim
from tandem_store.runs.documents import Versioned, read_one
from tandem_store.runs.listing import Place
from tandem_store.runs.naming import named
from tandem_store.runs.rules import Change, changed
from tandem_store.runs.selection import within
from tandem_store.runs.storage import PackedRun

_log: Final = logging.getLogger(__name__)

_TERMINAL: Final = frozenset(map(str, TERMINAL_STATUSES))

#: How many runs are inserted by one statement.
_BATCH: Final = 500
#: How often an id is tried that others keep adding and deleting.
_ATTEMPTS: Final = 3


def add(connection: Connection, new: Iterable[RunRecord], scope: TenantScope | None) -> list[int]:
    """Store new runs, all or none of them; returns the revision of each."""
    ready = [admitted(run, scope).packed for run in new]
    ids = [run.columns["run_id"] for run in ready]
    given = Counter(ids)
    if len(given) < len(ids):
        twice = next(one for one, times in given.items() if times > 1)
        raise ConflictError(f"The run {named(twice)} is given twice. Add it once.")
    _ensure_months(connection, {run.month for run in ready})
    for _ in range(_ATTEMPTS):
        try:
            return _placed(connection, ready)
        except IntegrityError as error:
            failure = error
        if taken := sorted(storage.taken_ids(connection, ids)):
            raise _taken(connection, taken[0], scope) from failure
        # Deleted again since; another look, unless it was about something else.
    raise failure


def _placed(connection: Connection, ready: list[PackedRun]) -> list[int]:
    revisions: list[int] = []
    # Rolled back to if an id is taken, so that the caller's transaction can go on.
    with connection.begin_nested():
        for first in range(0, len(ready), _BATCH):
            batch = ready[first : first + _BATCH]
            revisions += storage.place(connection, batch, imported=False)
    return revisions


def save(
    connection: Connection,
    run: RunRecord,
    scope: TenantScope | None,
    *,
    expected_revision: int | None,
    force: bool,
    allow_unknown: bool,
) -> int:
    """Write a run over the stored one with its id; returns the new revision."""
    if not force and expected_revision is not None and type(expected_revision) is not int:
        raise TypeError(f"expected_revision is a whole number, not {expected_revision!r}")
    checked, new = admitted(run, scope)
    for lock in (False, True):
        there = _there(connection, run.run_id, scope, lock=lock)
        if not force and there.revision != expected_revision:
            raise _moved_on(run.run_id, expected_revision, there.revision)
        if not allow_unknown and unknown_fields(checked):
            refuse_new_fields(checked, _stored_fields(connection, run.run_id, scope))
        if _swap(connection, new, there, scope):
            _say_if_left(run.run_id, there.status, checked.status)
            return there.revision + 1
    raise _gone(run.run_id)


def update(
    connection: Connection,
    run_id: str,
    change: Change,
    scope: TenantScope | None,
    claim: Claim | None = None,
    *,
    allow_unknown: bool = False,
) -> Versioned:
    """Read, change and write back a run; again, with the row locked, if another was quicker.

    Nobody waits for the first ``change``; the second one cannot be overtaken.
    """
    for lock in (False, True):
        if lock:
            listing.locate(connection, run_id, scope, lock=True)
        stored = read_one(connection, run_id, scope)
        now_ms = dialect.now_ms(connection)
        if stored is None:
            raise _gone(run_id) if claim is None else leases.lost(claim)
        if claim is not None:
            leases.refuse_unless_held(claim, stored.columns, now_ms=now_ms)
            leases.refuse_if_ended(claim, stored.columns)
        before = stored.record()
        after, new = admitted(changed(before, change, now_ms=now_ms), scope)
        if not allow_unknown:
            refuse_new_fields(after, unknown_fields(before))
        there = Place(stored.month, stored.revision, before.status)
        if _swap(connection, new, there, scope, claim):
            _say_if_left(run_id, there.status, after.status)
            reopened = before.is_terminal and not after.is_terminal
            return Versioned(after, there.revision + 1, before.status if reopened else None)
        _log.debug("The run %r was written by another; trying again.", run_id)
    # With the row locked, nobody else can have written it.
    if claim is not None:
        raise leases.lost(claim)
    raise ConflictError(
        f"The run {named(run_id)} was written by its own change. A change must do nothing but "
        "return the changed run.",
    )


def finish(
    connection: Connection,
    claim: Claim,
    change: Change,
    scope: TenantScope | None,
    *,
    allow_unknown: bool,
) -> Versioned:
    """Change a run for the last time and let go of it."""

    def to_the_end(run: RunRecord) -> RunRecord:
        after = change(run)
        if isinstance(after, RunRecord) and after.status not in tuple(TERMINAL_STATUSES):
            raise ValueError(
                f"finish ends a run, so its status must be a terminal one, not {after.status!s}. "
                "To give the run back, use release."
            )
        return after

    finished = update(
        connection, claim.run_id, to_the_end, scope, claim, allow_unknown=allow_unknown
    )
    with _all_or_nothing(connection):
        leases.let_go(connection, claim)
    return finished


def delete(connection: Connection, run_id: str, scope: TenantScope | None) -> None:
    """Remove a run and its document."""
    there = _there(connection, run_id, scope, lock=True)
    _ensure_months(connection, [there.month])
    with _all_or_nothing(connection):
        storage.remove(connection, run_id, there.month, revision=there.revision)


def _stored_fields(
    connection: Connection, run_id: str, scope: TenantScope | None
) -> frozenset[str]:
    stored = read_one(connection, run_id, scope)
    return frozenset() if stored is None else stored.fields()


def _say_if_left(run_id: str, before: str, after: RunStatus) -> None:
    """Log that a run is not in the terminal status any more that it was in."""
    if before in _TERMINAL and before != after:
        _log.info("The run %s was %s and is %s now.", named(run_id), before, after)


def _there(connection: Connection, run_id: str, scope: TenantScope | None, *, lock: bool) -> Place:
    there = listing.locate(connection, run_id, scope, lock=lock)
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
    _ensure_months(connection, [new.month])
    held = () if claim is None else leases.fence(claim, now_ms=dialect.now_ms(connection))
    with _all_or_nothing(connection):
        return storage.replace(
            connection,
            new,
            old_month=there.month,
            imported=False,
            revision=there.revision + 1,
            only_if=(runs.c.revision == there.revision, *held, *within(scope)),
        )


def _ensure_months(connection: Connection, wanted: Collection[Month]) -> None:
    try:
        partitions.ensure(connection, wanted)
    except StoreError:
        raise  # refused before anything was written
    except BaseException:
        connection.invalidate()  # perhaps between a table and its row in the months
        raise


@contextmanager
def _all_or_nothing(connection: Connection) -> Iterator[None]:
    """Statements that belong together: if one fails, the transaction cannot be committed any more.

    Also not by a caller that swallows the failure: whatever is asked of the connection afterwards,
    the commit too, raises ``StoreError``. A savepoint would let the caller go on, but would cost
    every write two more statements for a case that hardly ever comes.
    """
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise


def _gone(run_id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no run {named(run_id)}. Check the id; the run may have been deleted."
    )


def _taken(connection: Connection, run_id: str, scope: TenantScope | None) -> ConflictError:
    there = listing.locate(connection, run_id, scope)
    if there is None:
        return ConflictError(f"The id {named(run_id)} is taken. Give the run another id.")
    return ConflictError(
        f"There is a run {named(run_id)} already. Read it with get_versioned and save it.",
        found=there.revision,
    )


def _moved_on(run_id: str, expected: int | None, found: int) -> ConflictError:
    if expected is None:
        return ConflictError(
            f"Saving the run {named(run_id)} (revision {found}) needs the revision it was read at: "
            "pass expected_revision from get_versioned, or force=True to write over whatever is "
            "there.",
            found=found,
        )
    return ConflictError(
        f"The run {named(run_id)} was written by another: it is at revision {found}, not "
        f"{expected}. Read it again, apply the change, and save; update does that by itself.",
        expected=expected,
        found=found,
    )

"""What can be done to runs."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from tandem_store import partitions
from tandem_store.errors import ConflictError, NotFoundError
from tandem_store.mapping import from_column, rows_of, to_column
from tandem_store.records import RunRecord
from tandem_store.runs import listing, packed
from tandem_store.runs.listing import Place
from tandem_store.runs.packed import PackedRun
from tandem_store.runs.reader import RunReader


class Runs(RunReader):
    """The runs, for reading and writing; the connection's owner commits."""

    def add(self, run: RunRecord) -> int:
        """Store a new run and give its revision, 1.

        Raises:
            ConflictError: the id is taken; ``found`` is the revision that is there.
            MonthDetachedError: the month of the run is detached.
            UnstorableError: an id is too long, or a number too great for its column.
        """
        new = PackedRun.of(rows_of(run.to_legacy()))
        run_id = new.columns["run_id"]
        if (taken := listing.locate(self._connection, run_id)) is not None:
            raise _taken(run_id, taken.revision)
        partitions.ensure(self._connection, [new.month])
        try:
            packed.place(self._connection, [new], imported=False)
        except IntegrityError as error:
            # Another transaction was quicker between our look and our insert.
            raise _taken(run_id, None) from error
        return 1

    def save(
        self, run: RunRecord, *, expected_revision: int | None = None, force: bool = False
    ) -> int:
        """Write a run over the stored one with its id and give the new revision.

        ``expected_revision`` is what ``get_versioned`` gave; ``force`` writes over whatever is
        there. A run whose month changes takes its document along.

        Raises:
            ConflictError: the run was written meanwhile, or neither argument says what to expect.
            NotFoundError: there is no run with this id.
            MonthDetachedError, UnstorableError: as ``add``.
        """
        new = PackedRun.of(rows_of(run.to_legacy()))
        # Before the row is locked: making a month on PostgreSQL waits for those who write.
        partitions.ensure(self._connection, [new.month])
        there = self._locked(run.run_id)
        if not force and there.revision != expected_revision:
            raise _moved_on(run.run_id, expected_revision, there.revision)
        packed.replace(
            self._connection,
            new,
            old_month=there.month,
            imported=False,
            revision=there.revision + 1,
        )
        return there.revision + 1

    def delete(self, run_id: str) -> None:
        """Remove a run and its document. Raises ``NotFoundError`` if there is none with this id."""
        there = self._locked(run_id)
        partitions.ensure(self._connection, [there.month])
        packed.remove(self._connection, to_column(run_id), there.month)

    def _locked(self, run_id: str) -> Place:
        there = listing.locate(self._connection, to_column(run_id), lock=True)
        if there is None:
            raise NotFoundError(f"There is no run {run_id!r}.")
        return there


def _taken(run_id: str, revision: int | None) -> ConflictError:
    return ConflictError(
        f"There is a run {from_column(run_id)!r} already. Read it with get_versioned and save it.",
        found=revision,
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
        "Read it again, apply the change, and save.",
        expected=expected,
        found=found,
    )

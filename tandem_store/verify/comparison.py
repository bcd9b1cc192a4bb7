"""Compares copies with the ledger and the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tandem_store.errors import (
    LegacyFormatError,
    MonthDetachedError,
    NotAStoreError,
    RecordTooNewError,
    SourceError,
    UnstorableError,
)
from tandem_store.importer.choice.restoration import restored
from tandem_store.importer.copies import Copy
from tandem_store.importer.source.kinds import SkippedFile
from tandem_store.importer.source_reader import LostCopyError, SourceReader
from tandem_store.ledger import CopyOutcome, Entry, Part
from tandem_store.ledger.outcomes import NO_PARTS, NO_REASON
from tandem_store.mapping import decompress, record_of
from tandem_store.mapping.compression import RUN_ENCODING
from tandem_store.month import Month
from tandem_store.records.reading import read_run
from tandem_store.runs import StoredRun
from tandem_store.store import ReadTransaction
from tandem_store.verify.difference import first_difference
from tandem_store.verify.known import WINNERS, KnownCopies
from tandem_store.verify.quarantined import QuarantinedCopies
from tandem_store.verify.report import Difference, Verdict

CHANGED: Final = "changed in the source since the import"
NOT_IMPORTED: Final = "not imported"
#: The errors that concern one record or its file, while the store itself can be read.
UNREADABLE_RECORD: Final = (
    LegacyFormatError,
    MonthDetachedError,
    NotAStoreError,
    RecordTooNewError,
    SourceError,
    UnstorableError,
)


class Comparison:
    """Compares the copies of one batch within one transaction."""

    def __init__(
        self,
        tx: ReadTransaction,
        reader: SourceReader,
        quarantined: QuarantinedCopies,
        batch: Sequence[Copy],
    ) -> None:
        self._tx = tx
        self._reader = reader
        self._quarantined = quarantined
        self._ahead: dict[str, StoredRun] = {}
        self._left: set[Month] | None = None
        self._known = KnownCopies(
            tx.ledger, str(reader.root.resolve()), [copy.entry for copy in batch]
        )

    def read_ahead(self, copies: Sequence[Copy]) -> None:
        """Read the stored runs of some copies together, which is faster than each by itself."""
        run_ids = [one.entry.run_id for one in copies if one.entry.run_id is not None]
        self._ahead = {}
        try:
            # A savepoint, because after an error PostgreSQL would read nothing more.
            with self._tx.connection.begin_nested():
                for stored in self._tx.runs.documents(run_ids):
                    self._ahead[stored.columns["run_id"]] = stored
        except UNREADABLE_RECORD:
            pass  # asked for by itself, each has a difference of its own

    def _stored(self, run_id: str) -> StoredRun | None:
        return self._ahead.get(run_id) or self._tx.runs.document(run_id)

    def is_known(self, copy: Copy) -> bool:
        """Whether an import has seen this very copy."""
        return self._known.entry(copy.entry) is not None

    def verdict(self, copy: Copy) -> Verdict | Difference | SkippedFile:
        """Return what the store knows of a copy; a ``SkippedFile`` if its file cannot be read."""
        try:
            return self._verdict(copy)
        except LostCopyError as error:
            if isinstance(error.__cause__, OSError):
                return SkippedFile.unreadable(error.entry.path, error.__cause__)
            return Difference(copy.entry.run_id or "", str(error), copy.entry.path)
        except UNREADABLE_RECORD as error:
            return Difference(copy.entry.run_id or "", str(error), copy.entry.path)

    def _verdict(self, copy: Copy) -> Verdict | Difference:
        entry = self._known.entry(copy.entry)
        if entry is None:
            return self._unknown(copy)
        if entry.outcome is None:
            what = "not settled yet: run the import again"
            return Difference(entry.run_id or "", what, entry.path)
        if entry.outcome is CopyOutcome.SKIPPED:
            return Verdict.SKIPPED
        if entry.outcome is CopyOutcome.QUARANTINED:
            found = self._quarantined.of_copy(entry)
            lost = isinstance(found, Difference)
            return Verdict.DETACHED if lost and self._has_left(entry) else found
        try:
            return self._against_store(copy, entry)
        except MonthDetachedError:
            return Verdict.DETACHED

    def _has_left(self, entry: Entry) -> bool:
        """Whether the month of a copy was detached or dropped."""
        if self._left is None:
            archives = self._tx.months.archives()
            self._left = {one.month for one in archives if not one.is_unfinished}
        return entry.month in self._left

    def _unknown(self, copy: Copy) -> Difference:
        """Describe a copy that no import has seen, and where it differs from the stored run."""
        path, run_id = copy.entry.path, copy.entry.run_id
        what = CHANGED if self._known.has_file(path) else NOT_IMPORTED
        before = self._known.before(copy.entry)
        name = run_id if run_id is not None else before.run_id if before else None
        stored = None if name is None else self._stored(name)
        if copy.run is None or stored is None or stored.is_forgotten:
            why = f" ({copy.rejected.message})" if copy.rejected is not None else ""
            return Difference(name or "", what + why, path)
        field = first_difference(_legacy(stored), _legacy(_as_stored(copy)))
        return Difference(name or "", f"{what}: {field}" if field else what, path)

    def _against_store(self, copy: Copy, entry: Entry) -> Verdict | Difference:
        run_id = entry.run_id or ""
        stored = self._stored(run_id)
        if stored is None:
            if self._has_left(entry):
                return Verdict.DETACHED
            return Difference(run_id, "missing in the store", entry.path)
        if entry.outcome not in WINNERS:
            return Verdict.SAME if self._is_twin(entry) else Verdict.SUPERSEDED
        if stored.is_forgotten:
            return Verdict.FORGOTTEN
        if stored.revision != entry.revision:
            return Verdict.SUPERSEDED if self._is_beaten(entry, stored) else Verdict.NEWER_IN_STORE
        different = self._against_winner(copy, entry, stored)
        if different is not None:
            return different
        recovered = entry.outcome is CopyOutcome.RECOVERED
        return self._quarantined.of_recovered(entry) if recovered else Verdict.SAME

    def _is_twin(self, entry: Entry) -> bool:
        """Whether a copy that lost has the content of one that won."""
        return any(
            one.outcome in WINNERS and one.digest == entry.digest
            for one in self._known.history(entry)
        )

    def _is_beaten(self, entry: Entry, stored: StoredRun) -> bool:
        """Whether what is stored now is a copy that a later import found."""
        return any(
            one.outcome in WINNERS and one.revision == stored.revision and one.id != entry.id
            for one in self._known.history(entry)
        )

    def _against_winner(self, copy: Copy, entry: Entry, stored: StoredRun) -> Difference | None:
        """Compare the stored run with the copy that won, as it was after any restoration."""
        nothing_restored = entry.reason == NO_REASON
        if nothing_restored and copy.run is not None and _is_same(_as_stored(copy), stored):
            return None
        expected = read_run(self._with_restored_parts(entry, stored)).to_legacy()
        field = first_difference(expected, _legacy(stored))
        if field is None:
            return None
        return Difference(entry.run_id or "", f"differs: {field}", entry.path)

    def _with_restored_parts(self, entry: Entry, stored: StoredRun) -> dict[str, Any]:
        """Read the winner's record from the source and restore the parts that the import did."""
        record, restored_parts = self._reader.record(entry), NO_PARTS
        for donor in self._known.history(entry):
            if donor.import_id == entry.import_id and donor.outcome is CopyOutcome.RESTORED_FROM:
                record = _with_parts(record, donor.reason.given, self._reader.record(donor))
                restored_parts |= donor.reason.given
        # The other parts came from the run that the store held before; no file has them any more.
        from_store = record_of(stored.columns, stored.document, stored.snapshot)
        return _with_parts(record, entry.reason.received & ~restored_parts, from_store)


def _with_parts(record: dict[str, Any], parts: Part, donor: dict[str, Any]) -> dict[str, Any]:
    for part in parts:
        record = restored(record, part, donor)
    return record


def _as_stored(copy: Copy) -> StoredRun:
    """Return a copy in the shape of a stored run."""
    assert copy.run is not None  # only complete copies are compared
    snapshot = copy.run.snapshot
    document = decompress(copy.run.document, RUN_ENCODING)
    return StoredRun(copy.run.columns, document, None if snapshot is None else snapshot.document)


def _is_same(one: StoredRun, stored: StoredRun) -> bool:
    """Whether all bytes agree, which saves decoding them; ``False`` does not mean different."""
    return (
        one.document == stored.document
        and one.snapshot == stored.snapshot
        and all(stored.columns[name] == value for name, value in one.columns.items())
    )


def _legacy(stored: StoredRun) -> dict[str, Any]:
    return read_run(record_of(stored.columns, stored.document, stored.snapshot)).to_legacy()

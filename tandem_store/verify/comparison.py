"""One copy against the ledger and the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from tandem_store.errors import StoreError
from tandem_store.importer.copy import Copy
from tandem_store.importer.place import Places
from tandem_store.ledger import Entry
from tandem_store.legacy.choice import Outcome
from tandem_store.legacy.copies import RESTORABLE
from tandem_store.legacy.restoration import restored
from tandem_store.legacy.verdict import read_run
from tandem_store.mapping import record_of, to_column, unpack
from tandem_store.runs import StoredRun
from tandem_store.store import ReadTransaction
from tandem_store.verify.difference import first_difference
from tandem_store.verify.report import Difference

CHANGED: Final = "changed in the source since the import"
_WINNERS: Final = {Outcome.IMPORTED.value, Outcome.RECOVERED.value}


class Comparison:
    """Compares copies within one transaction.

    The ledger is asked for all of ``copies`` at once: a question for each would take a third of the
    time of a verification over a network.
    """

    def __init__(self, tx: ReadTransaction, places: Places, copies: Iterable[Copy]) -> None:
        self._tx = tx
        self._places = places
        self._histories: dict[str, list[Entry]] = defaultdict(list)
        ids = {to_column(run_id) for copy in copies if (run_id := _named(copy)) is not None}
        for entry in tx.ledger.entries_of_runs(sorted(ids)):
            self._histories[entry.run_id or ""].append(entry)

    def verdict(self, path: str, copy: Copy) -> Difference | bool:
        """``True`` for the same, ``False`` for newer in the store, else the difference."""
        run_id = _named(copy)
        entry = self._entry(path, copy, run_id)
        if entry is None:
            return self._changed(path, copy, run_id)
        if entry.outcome is None:
            return Difference(run_id or "", "not settled yet: run the import again", path)
        if entry.outcome in {Outcome.QUARANTINED.value, Outcome.SKIPPED.value}:
            return True
        return self._against_store(path, copy, entry)

    def _entry(self, path: str, copy: Copy, run_id: str | None) -> Entry | None:
        """The ledger's row of this very copy."""
        known = self._tx.ledger.entries_at(path) if run_id is None else self._histories[run_id]
        same = (one for one in known if one.path == path and one.key == copy.key)
        return next((one for one in same if one.digest == copy.digest), None)

    def _changed(self, path: str, copy: Copy, run_id: str | None) -> Difference:
        """A copy that no import has seen: what was there before, and where it differs from it."""
        before = self._before(path, copy)
        name = run_id if run_id is not None else before.run_id if before else None
        stored = None if name is None else self._tx.runs.document(name)
        if copy.run is None or stored is None:
            fault = f" ({copy.fault.message})" if copy.fault is not None else ""
            return Difference(name or "", CHANGED + fault, path)
        field = first_difference(_legacy(stored), _legacy(_as_stored(copy)))
        return Difference(name or "", f"{CHANGED}: {field}" if field else CHANGED, path)

    def _before(self, path: str, copy: Copy) -> Entry | None:
        entries = self._tx.ledger.entries_at(path)
        by_key = (one for one in entries if one.key == copy.key)
        return next(by_key, None)

    def _against_store(self, path: str, copy: Copy, entry: Entry) -> Difference | bool:
        run_id = entry.run_id or ""
        try:
            stored = self._tx.runs.document(run_id)
            if stored is None:
                return Difference(run_id, "missing in the store", path)
            if entry.outcome not in _WINNERS:
                return True
            if stored.revision != entry.revision:
                return False
            return self._against_winner(path, copy, entry, stored)
        except StoreError as error:
            return Difference(run_id, str(error), path)

    def _against_winner(
        self, path: str, copy: Copy, entry: Entry, stored: StoredRun
    ) -> Difference | bool:
        """The stored run against the copy that won, with what was restored from others."""
        donors = [
            one
            for one in self._histories[entry.run_id or ""]
            if one.import_id == entry.import_id and one.outcome == Outcome.RESTORED_FROM.value
        ]
        if not entry.reason and copy.run is not None and _is_same(_as_stored(copy), stored):
            return True
        expected = self._with_parts(self._places.record(entry), donors)
        given = {name for donor in donors for name in donor.reason.split()}
        as_stored = record_of(stored.columns, stored.document, stored.snapshot)
        for part, name in RESTORABLE.items():
            # From the run that the store held before: no copy in the source has it any more.
            if name in entry.reason.split() and name not in given:
                expected = restored(expected, part, as_stored)
        field = first_difference(read_run(expected).to_legacy(), _legacy(stored))
        return True if field is None else Difference(entry.run_id or "", f"differs: {field}", path)

    def _with_parts(self, record: dict[str, Any], donors: Iterable[Entry]) -> dict[str, Any]:
        for donor in donors:
            given = self._places.record(donor)
            for part, name in RESTORABLE.items():
                if name in donor.reason.split():
                    record = restored(record, part, given)
        return record


def _named(copy: Copy) -> str | None:
    """The run that a copy is of, or says that it is of."""
    return copy.claimed_id if copy.facts is None else copy.facts.run_id


def _as_stored(copy: Copy) -> StoredRun:
    """A copy in the shape of a stored run."""
    assert copy.run is not None  # only whole copies are compared
    snapshot = copy.run.snapshot
    document = unpack(copy.run.document, "zstd")
    return StoredRun(copy.run.columns, document, None if snapshot is None else snapshot.document)


def _is_same(one: StoredRun, stored: StoredRun) -> bool:
    """Whether all bytes agree, which spares the longer way; ``False`` does not mean different."""
    columns = ((name, value) for name, value in one.columns.items())
    return (
        one.document == stored.document
        and one.snapshot == stored.snapshot
        and all(stored.columns[name] == value for name, value in columns)
    )


def _legacy(stored: StoredRun) -> dict[str, Any]:
    return read_run(record_of(stored.columns, stored.document, stored.snapshot)).to_legacy()

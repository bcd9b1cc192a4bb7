"""The one writer of a scan: copies become ledger rows, and the first good copy of a run is stored.

Each batch is one transaction with everything that belongs together, so an import that was killed at
any moment goes on with the next batch. Most runs have one copy and are done after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tandem_store.importer.copies import Copy, FileToRead, Reading
from tandem_store.importer.known_files import KnownFiles
from tandem_store.importer.ledger_rows import file_state, quarantine_row
from tandem_store.importer.session import ImportSession
from tandem_store.ledger import CopyOutcome, Entry, FileRow, FileState, SeenRow
from tandem_store.mapping import RunRows
from tandem_store.runs.storage import insert_runs, taken_ids
from tandem_store.store import Transaction


@dataclass(slots=True)
class Writer:
    """Writes readings in batches of about ``batch`` copies."""

    session: ImportSession
    known_files: KnownFiles
    batch: int
    strict: bool
    confirm_months: bool
    _readings: list[Reading] = field(default_factory=list)
    _waiting: int = 0

    def add(self, reading: Reading) -> None:
        """Write a reading with the next batch, unless its file still has the same content."""
        if reading.ends:
            self.known_files.note_present(reading.file)
        if self.known_files.has_same_content(reading.file, reading.digest):
            return
        self._readings.append(reading)
        self._waiting += len(reading.copies)
        if self._waiting >= self.batch or len(self._readings) >= self.batch:
            self.flush()

    def finish(self) -> None:
        """Write the last batch, after everything was read."""
        self.flush()
        self._retire_missing()

    def flush(self) -> None:
        """Write the readings that wait, in one transaction."""
        readings, self._readings, self._waiting = self._readings, [], 0
        if not readings:
            return
        with self.session.begin() as tx:
            if not self.strict:
                self._make_months_first(tx, readings)
            batch = _Batch(tx, self.session, self.session.ensure_begun(tx))
            for reading in readings:
                batch.add(reading)
            if not self.strict:
                batch.store_first_copies(confirm_months=self.confirm_months)
            batch.write()

    def _make_months_first(self, tx: Transaction, readings: list[Reading]) -> None:
        """Make the months of new runs before anything is written, as ``partitions.ensure`` asks.

        Left out are files that were known, because their copies may have an outcome already; the
        months that those need are made when their runs are stored.
        """
        new = [
            copy.run
            for reading in readings
            if reading.file.known is None
            for copy in reading.copies
            if copy.run is not None
            and copy.is_well_formed
            and copy.run.month not in self.session.detached_months
        ]
        if not self.session.lacks_months({run.month for run in new}):
            return
        taken = taken_ids(tx.connection, [run.columns["run_id"] for run in new])
        months = {run.month for run in new if run.columns["run_id"] not in taken}
        self.session.ensure_months(tx, months, confirmed=self.confirm_months)

    def _retire_missing(self) -> None:
        """Forget what this import read before an interruption, in files that it cannot read now.

        They are gone, or another import has read them since. One that comes back is read then.
        """
        if self.session.current is None:
            return
        import_id = self.session.current.id
        with self.session.store.read() as tx:
            readers = dict(tx.ledger.open_files(import_id))
        missing = set(readers).difference(self.known_files.present)
        read_by_others = {file_id for file_id, reader in readers.items() if reader != import_id}
        if missing or read_by_others:
            with self.session.begin() as tx:
                for file_id in sorted(missing | read_by_others):
                    tx.ledger.retire(file_id, import_id)
                    tx.ledger.forget_file(file_id, import_id)


@dataclass(slots=True)
class _NewCopy:
    """A copy that the ledger did not have yet; ``id`` is its number there.

    ``stored_as`` is the revision of the run that it was stored as, ``None`` if it was not.
    """

    file: FileToRead
    copy: Copy
    id: int
    stored_as: int | None = None

    def entry(self, import_id: int) -> Entry:
        """Return what the ledger will have of the copy."""
        entry = self.copy.entry._replace(
            id=self.id, file_id=self.file.id, import_id=import_id, seen_import_id=import_id
        )
        if self.stored_as is None:
            return entry
        return entry._replace(outcome=CopyOutcome.IMPORTED, revision=self.stored_as)


@dataclass(slots=True)
class _Batch:
    """What one transaction writes. ``_files`` has the rows of files that are new to the ledger."""

    tx: Transaction
    session: ImportSession
    import_id: int
    _files: dict[int, FileRow] = field(default_factory=dict)
    _copies: list[_NewCopy] = field(default_factory=list)

    def add(self, reading: Reading) -> None:
        """Take in a reading; updates what the ledger has of a file that it knows."""
        if reading.starts:
            self._begin_file(reading)
        elif reading.ends:
            self._end_file(reading)
        for copy in self._new_copies(reading):
            self._copies.append(
                _NewCopy(reading.file, copy, self.session.next_id("import_entries"))
            )

    def store_first_copies(self, *, confirm_months: bool) -> None:
        """Store the first well-formed copy of every run that has no row yet, and note it so."""
        good = [(one.copy.run, one) for one in self._copies if one.copy.is_well_formed]
        taken = taken_ids(self.tx.connection, [run.columns["run_id"] for run, _ in good if run])
        runs: list[RunRows] = []
        first: list[_NewCopy] = []
        for run, one in good:
            if run is None or run.month in self.session.detached_months:
                continue
            if run.columns["run_id"] not in taken:
                taken.add(run.columns["run_id"])
                runs.append(run)
                first.append(one)
        months = {run.month for run in runs}
        self.session.ensure_months(self.tx, months, confirmed=confirm_months)
        revisions = insert_runs(self.tx.connection, runs, imported=True)
        for one, revision in zip(first, revisions, strict=True):
            one.stored_as = revision

    def write(self) -> None:
        """Write the files and copies, and what goes to quarantine."""
        self.tx.ledger.add_files(list(self._files.values()))
        entries = [one.entry(self.import_id) for one in self._copies]
        self.tx.ledger.add_entries(entries)
        now_ms = self.session.now_ms()
        self.tx.quarantine.add(
            [
                quarantine_row(self.import_id, one.file, rejected, entry=entry, now_ms=now_ms)
                for one, entry in zip(self._copies, entries, strict=True)
                if (rejected := one.copy.rejected) is not None
            ]
        )

    def _begin_file(self, reading: Reading) -> None:
        file, state = reading.file, self._state(reading)
        if file.known is None:
            self._files[file.id] = self.session.file_row(self.tx, file, state)
        else:
            self.tx.ledger.retire(file.id, self.import_id)
            self.tx.ledger.update_file(file.id, state)

    def _end_file(self, reading: Reading) -> None:
        new = self._files.get(reading.file.id)
        if new is None:
            self.tx.ledger.update_file(reading.file.id, self._state(reading))
        else:
            new["complete"] = True

    def _state(self, reading: Reading) -> FileState:
        return file_state(self.import_id, reading.file, reading.digest, complete=reading.ends)

    def _new_copies(self, reading: Reading) -> Sequence[Copy]:
        """Return the copies that the file did not hold before, and mark the others as seen."""
        if reading.file.known is None or not reading.copies:
            return reading.copies
        held = self._copies_before(reading)
        new: list[Copy] = []
        seen: list[SeenRow] = []
        for copy in reading.copies:
            if same := held[copy.entry.key, copy.entry.digest]:
                seen.append(self._seen(same.pop(), copy.entry))
            else:
                new.append(copy)
        # At once, because the next part of the file must not find the same copies again.
        self.tx.ledger.mark_seen(seen)
        return new

    def _seen(self, entry_id: int, found: Entry) -> SeenRow:
        return {
            "entry_id": entry_id,
            "seen_import_id": self.import_id,
            "ordinal": found.ordinal,
            "start": found.start,
            "value": found.value,
            "stop": found.stop,
        }

    def _copies_before(self, reading: Reading) -> dict[tuple[str | None, bytes], list[int]]:
        """Return the numbers of the copies that the file held before, by key and digest."""
        found = (copy.entry.run_id for copy in reading.copies)
        ids = {run_id for run_id in found if run_id is not None}
        held: dict[tuple[str | None, bytes], list[int]] = defaultdict(list)
        for one in self.tx.ledger.copies_in_file(reading.file.id, ids, unseen_by=self.import_id):
            held[one.key, one.digest].append(one.id)
        return held

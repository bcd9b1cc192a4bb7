"""The one writer of a scan: copies become ledger rows, and the first good copy of a run is stored.

Each batch is one transaction with everything that belongs together, so an import that was killed at
any moment goes on with the next batch. Most runs have one copy and are done after it.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from tandem_store.importer.copies import Copy, Reading
from tandem_store.importer.ledger_rows import entry_row, place_of, quarantine_row
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.ledger import Kind, KnownFile
from tandem_store.mapping import to_column
from tandem_store.runs.storage import PackedRun, place, taken_ids
from tandem_store.store import Transaction


@dataclass(slots=True)
class Writer:
    """Writes readings in batches. ``walked`` has the ledger ids of all files of the source."""

    session: ImportSession
    batch: int
    strict: bool
    confirm_months: bool
    walked: array[int] = field(default_factory=lambda: array("Q"))
    _expected: dict[str, KnownFile | None] = field(default_factory=dict)
    _begun: dict[str, int] = field(default_factory=dict)
    _readings: list[Reading] = field(default_factory=list)
    _waiting: int = 0

    def unchanged(self, file_id: int) -> None:
        """Count a file that is as it was when it was read."""
        self.walked.append(file_id)

    def expect(self, path: str, known: KnownFile | None) -> None:
        """Announce a file that will be read, with what the ledger knows of it."""
        self._expected[path] = known

    def resume_after(self, file: SourceFile, digest: bytes) -> int | None:
        """The byte behind which a large file is to be read, -1 for all of it, ``None`` for nothing.

        An interrupted import goes on in the middle of a file that has not changed.
        """
        known = self._expected[file.path]
        if known is None or known.digest != digest:
            return -1
        if self.is_settled(known):
            self._expected.pop(file.path)
            self.unchanged(known.id)
            return None
        if known.complete or not self._is_mine(known):
            return -1
        self._begun[file.path] = known.id
        self.walked.append(known.id)
        with self.session.store.read() as tx:
            return tx.ledger.last_ordinal(known.id, known.import_id)

    def is_settled(self, known: KnownFile) -> bool:
        """Whether all that the file held has been read, by an import that ended or is ours."""
        return known.complete and (known.finished or self._is_mine(known))

    def _is_mine(self, known: KnownFile) -> bool:
        return self.session.current is not None and known.import_id == self.session.current.id

    def take(self, reading: Reading) -> None:
        """Write a reading with the next batch."""
        self._readings.append(reading)
        self._waiting += len(reading.copies)
        if self._waiting >= self.batch or len(self._readings) >= self.batch:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in one transaction; writes nothing if nothing is new."""
        readings = [reading for reading in self._readings if not self._is_same_file(reading)]
        self._readings, self._waiting = [], 0
        if not readings:
            return
        with self.session.begin() as tx:
            self._make_months_first(tx, readings)
            import_id = self.session.ensure_begun(tx)
            rows: list[tuple[SourceFile, Copy, dict[str, Any]]] = []
            files: dict[str, dict[str, Any]] = {}
            for reading in readings:
                file_id = self._file_id(tx, import_id, reading, files)
                copies = self._new_copies(tx, import_id, file_id, reading)
                rows += [
                    (
                        reading.file,
                        copy,
                        entry_row(self.session.next_id("import_entries"), import_id, file_id, copy),
                    )
                    for copy in copies
                ]
            self._place(tx, rows)
            tx.ledger.add_files(list(files.values()))
            tx.ledger.add_entries([row for _, _, row in rows])
            self._quarantine(tx, import_id, rows)

    def _make_months_first(self, tx: Transaction, readings: list[Reading]) -> None:
        """Make the months of new runs before anything is written, as ``partitions.ensure`` asks.

        A file that was known may hold copies that were judged before; whether their months are
        needed is seen when they are placed.
        """
        new = [
            copy.run
            for reading in readings
            if self._expected.get(reading.file.path) is None
            for copy in reading.copies
            if copy.run is not None and is_whole(copy)
        ]
        if self.strict or not self.session.lacks({run.month for run in new}):
            return
        taken = taken_ids(tx.connection, [run.columns["run_id"] for run in new])
        months = {run.month for run in new if run.columns["run_id"] not in taken}
        self.session.ensure_months(tx, months, confirmed=self.confirm_months)

    def retire_missing(self) -> None:
        """Forget what an interrupted import read in files that it cannot judge any more.

        They are not there, or another import has read them since. One that comes back is read then.
        """
        if self.session.current is None:
            return
        import_id = self.session.current.id
        with self.session.store.read() as tx:
            owners = dict(tx.ledger.open_files(import_id))
        missing = set(owners).difference(self.walked)
        taken = {file_id for file_id, owner in owners.items() if owner != import_id}
        if missing or taken:
            with self.session.begin() as tx:
                for file_id in sorted(missing | taken):
                    tx.ledger.retire(file_id, import_id)
                    tx.ledger.forget_file(file_id, import_id)

    def _is_same_file(self, reading: Reading) -> bool:
        """Whether only a file's time or folder has changed; then nothing is judged again."""
        known = self._expected.get(reading.file.path)
        if known is None or known.digest != reading.digest or not self.is_settled(known):
            return False
        self._expected.pop(reading.file.path)
        self.unchanged(known.id)
        return True

    def _file_id(
        self, tx: Transaction, import_id: int, reading: Reading, new: dict[str, dict[str, Any]]
    ) -> int:
        """The ledger's id of the file, brought up to date; one not seen before goes to ``new``."""
        path = reading.file.path
        state = {
            "import_id": import_id,
            "source": reading.file.source.value,
            "size": reading.file.size,
            "mtime_ns": reading.file.mtime_ns,
            "digest": reading.digest,
            "complete": reading.last,
        }
        file_id = self._begun.get(path)
        known = self._expected.get(path)
        if file_id is None and known is None:
            new[path] = self.session.file_row(tx, path, state)
            file_id = int(new[path]["id"])
            self.walked.append(file_id)
        elif file_id is None and known is not None:
            file_id = known.id
            tx.ledger.retire(file_id, import_id)
            tx.ledger.update_file(file_id, **state)
            self.walked.append(file_id)
        elif path in new:
            new[path] |= state
        elif file_id is not None and reading.last:
            tx.ledger.update_file(file_id, **state)
        assert file_id is not None  # one of the branches gave it
        self._begun[path] = file_id
        if reading.last:
            del self._begun[path]
        return file_id

    def _new_copies(
        self, tx: Transaction, import_id: int, file_id: int, reading: Reading
    ) -> list[Copy]:
        """The copies that the file did not hold before; the others are only seen again."""
        path = reading.file.path
        known = self._expected.get(path)
        if reading.last:
            self._expected.pop(path, None)
        if known is None or not reading.copies:
            return reading.copies
        held = defaultdict(list)
        named = (copy.facts.run_id if copy.facts else copy.claimed_id for copy in reading.copies)
        ids = [run_id for run_id in named if run_id is not None]
        for row in tx.ledger.entries_of_file(file_id, ids, before=import_id):
            held[_identity(row)].append(row.id)
        new, again = [], []
        for copy in reading.copies:
            same = held[copy.key and to_column(copy.key), copy.digest]
            if same:
                again.append(
                    {"entry_id": same.pop(), "seen_import_id": import_id, **place_of(copy)}
                )
            else:
                new.append(copy)
        tx.ledger.saw_again(again)
        return new

    def _place(self, tx: Transaction, rows: list[tuple[SourceFile, Copy, dict[str, Any]]]) -> None:
        """Store the first whole copy of every run that has no row yet, and say so in its entry."""
        if self.strict:
            return
        ids = [row["run_id"] for _, copy, row in rows if is_whole(copy)]
        taken = taken_ids(tx.connection, ids)
        runs: list[PackedRun] = []
        placed: list[dict[str, Any]] = []
        for _, copy, row in rows:
            if copy.run is not None and is_whole(copy) and row["run_id"] not in taken:
                taken.add(row["run_id"])
                runs.append(copy.run)
                placed.append(row)
        self.session.ensure_months(tx, {run.month for run in runs}, confirmed=self.confirm_months)
        revisions = place(tx.connection, runs, imported=True)
        for row, revision in zip(placed, revisions, strict=True):
            row |= {"outcome": "imported", "revision": revision}

    def _quarantine(
        self,
        tx: Transaction,
        import_id: int,
        rows: list[tuple[SourceFile, Copy, dict[str, Any]]],
    ) -> None:
        tx.quarantine.add(
            [
                quarantine_row(import_id, row["id"], file, copy, now_ms=self.session.now_ms())
                for file, copy, row in rows
                if copy.fault is not None
            ]
        )


def is_whole(copy: Copy) -> bool:
    """Whether a copy may be stored before it is compared with others."""
    return copy.run is not None and copy.facts is not None and copy.facts.kind is Kind.WELL_FORMED


def _identity(row: Row[Any]) -> tuple[str | None, bytes]:
    return row.key, bytes(row.digest)

"""The settling: runs with more than one copy, or none that is whole, are judged and put right.

Each run is judged over all its copies at once, from the ledger alone; only a winner or donor that
is not in the store already is read again. Each batch is one transaction, so a kill loses nothing.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_store.importer.choice.choose import Candidate, Decision, Resolution, resolve
from tandem_store.importer.choice.restoration import covers_completed, restored
from tandem_store.importer.copies import Copy, Fault
from tandem_store.importer.ledger_rows import quarantine_row
from tandem_store.importer.options import Progress
from tandem_store.importer.parsing import raw_of
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import Source
from tandem_store.importer.source_reader import LostCopyError, Places, file_of
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, ReasonCode
from tandem_store.mapping import from_column, record_of, rows_of, to_column
from tandem_store.runs import StoredRun, listing
from tandem_store.runs.storage import PackedRun, place, replace
from tandem_store.store import Transaction

_log: Final = logging.getLogger(__name__)

#: Runs of one transaction.
_BATCH: Final = 100
_MESSAGES: Final[dict[str, str]] = {
    ReasonCode.TENANT_CONFLICT: (
        "another tenant's run has the same id; the best copy of that one was stored"
    ),
    ReasonCode.STUB: (
        "the engine's own stand-in for a run that it could not read; --strict leaves it out"
    ),
}


@dataclass(slots=True)
class Settlement:
    """Judges what a scan left open."""

    session: ImportSession
    places: Places
    strict: bool
    confirm_months: bool
    progress: Progress
    lost: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Judge every open run; commits batch by batch."""
        if self.session.current is None:
            return
        import_id = self.session.current.id
        with self.session.begin() as tx:
            tx.ledger.advance(import_id, "settling", now_ms=self.session.now_ms())
            total = tx.ledger.unsettled(import_id)
        _log.info("settling: %d runs to judge", total)
        done = 0
        while run_ids := self._settle_batch(import_id):
            done += len(run_ids)
            self.progress("settling", done, total)

    def _settle_batch(self, import_id: int) -> list[str]:
        with self.session.begin() as tx:
            run_ids = tx.ledger.open_run_ids(import_id, limit=_BATCH)
            entries: dict[str, list[Entry]] = defaultdict(list)
            for entry in tx.ledger.entries_of_runs(run_ids):
                entries[entry.run_id or ""].append(entry)
            for run_id in map(from_column, run_ids):
                self._settle(tx, import_id, run_id, entries[run_id])
        return run_ids

    def _settle(self, tx: Transaction, import_id: int, run_id: str, history: list[Entry]) -> None:
        """Judge one run; a copy that is not where it was read is left out, and told."""
        left = history
        while True:
            try:
                self._judge(tx, import_id, run_id, left)
            except LostCopyError as lost:
                self.lost[lost.entry.path] = str(lost)
                tx.ledger.retire_entry(lost.entry.id)
                tx.ledger.forget_file(lost.entry.file_id, import_id)
                left = [entry for entry in left if entry.id != lost.entry.id]
            else:
                return

    def _judge(self, tx: Transaction, import_id: int, run_id: str, history: list[Entry]) -> None:
        # Locked before it is read: on PostgreSQL a service may be writing this very run.
        listing.locate(tx.connection, to_column(run_id), lock=True)
        case = _Case.of(import_id, tx.runs.document(run_id), history)
        resolution = resolve(case.candidates, strict=self.strict)
        kept = self._bytes_to_keep(case, resolution)
        revision = None if case.stored is None else case.stored.revision
        if resolution.winner is not None and case.must_write(resolution):
            record = self._record(case, resolution)
            if Part.OUTPUTS in resolution.donors and not covers_completed(record):
                resolution = resolution.with_partial_outputs()
            revision = self._write(tx, case, record)
        self._decide(tx, case, resolution, revision)
        for entry, decision, data in kept:
            self._quarantine(tx, import_id, entry, decision.reason.code, data)

    def _record(self, case: _Case, resolution: Resolution) -> dict[str, Any]:
        """The run to store: the winner with its restored parts."""
        assert resolution.winner is not None  # the caller made sure
        record = self._content(case, resolution.winner)
        for part, donor in resolution.donors.items():
            record = restored(record, part, self._content(case, donor))
        return record

    def _bytes_to_keep(
        self, case: _Case, resolution: Resolution
    ) -> list[tuple[Entry, Decision, bytes]]:
        """The bytes of whole copies that may not be stored; those of damaged ones are kept."""
        return [
            (entry, decision, self.places.checked_raw(entry))
            for entry, decision in zip(case.entries, resolution.decisions, strict=True)
            if entry is not None
            and decision.outcome is CopyOutcome.QUARANTINED
            and entry.kind != Kind.DAMAGED
        ]

    def _content(self, case: _Case, at: int) -> dict[str, Any]:
        """A copy's record: from the store if it lies there, else from its place in the source."""
        entry = case.entries[at]
        if case.stored is not None and (entry is None or entry is case.placed):
            return record_of(case.stored.columns, case.stored.document, case.stored.snapshot)
        assert entry is not None  # only the stored run has no entry
        return self.places.record(entry)

    def _write(self, tx: Transaction, case: _Case, record: dict[str, Any]) -> int:
        """Store the run; a row that this import put there itself keeps its revision."""
        run = PackedRun.of(rows_of(record))
        self.session.ensure_months(tx, {run.month}, confirmed=self.confirm_months)
        if case.stored is None:
            return place(tx.connection, [run], imported=True)[0]
        revision = case.stored.revision + (case.placed is None)
        replace(tx.connection, run, old_month=case.stored.month, imported=True, revision=revision)
        return revision

    def _decide(
        self,
        tx: Transaction,
        case: _Case,
        resolution: Resolution,
        revision: int | None,
    ) -> None:
        decided = []
        for at, (entry, decision) in enumerate(
            zip(case.entries, resolution.decisions, strict=True)
        ):
            if entry is None:
                continue
            decided.append(
                {
                    "entry_id": entry.id,
                    "outcome": decision.outcome.value,
                    "reason": decision.reason.as_column(),
                    "revision": revision if at == resolution.winner else None,
                }
            )
        tx.ledger.decide(decided)

    def _quarantine(
        self, tx: Transaction, import_id: int, entry: Entry, reason: str, data: bytes
    ) -> None:
        copy = Copy(
            entry.digest, key=entry.key, fault=Fault(reason, _MESSAGES[reason]), raw=raw_of(data)
        )
        row = quarantine_row(
            import_id, entry.id, file_of(entry, len(data)), copy, now_ms=self.session.now_ms()
        )
        if entry.start is not None:
            row |= {"layout": "entry", "start": entry.start, "stop": entry.stop}
        tx.quarantine.add([row])


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is known of one run: its copies in this import, and what the store holds.

    ``candidates`` and ``entries`` go together; the stored run, when it takes part, has no entry.
    ``placed`` is the copy that this import stored already and nobody wrote since.
    """

    stored: StoredRun | None
    placed: Entry | None
    candidates: list[Candidate]
    entries: list[Entry | None]

    @classmethod
    def of(cls, import_id: int, stored: StoredRun | None, history: list[Entry]) -> _Case:
        mine = [one for one in history if one.import_id == import_id and one.kind is not None]
        # What is gone from its file takes no part, unless it lies in the store already.
        there = [one for one in mine if one.seen_import_id == import_id]
        written_by_service = stored is not None and not stored.columns["imported"]
        origin = None if stored is None or written_by_service else _origin(stored, history)
        placed = origin if origin in mine else None
        if placed is not None and placed not in there:
            there.append(placed)
        entries: list[Entry | None] = list(there)
        candidates = [Candidate.of_entry(entry) for entry in there]
        if placed is not None and stored is not None and placed.reason.received:
            # The row has more than the copy had, so the donors are not needed a second time.
            as_stored = stored_candidate(stored, written_by_service=False).facts
            candidates[there.index(placed)] = dataclasses.replace(
                candidates[there.index(placed)], facts=as_stored
            )
        if stored is not None and placed is None:
            entries.append(None)
            source = Source.HOT if origin is None else Source(origin.source)
            candidates.append(
                stored_candidate(stored, written_by_service=written_by_service, source=source)
            )
        return cls(stored, placed, candidates, entries)

    def must_write(self, resolution: Resolution) -> bool:
        """Whether the store does not hold already what was decided."""
        assert resolution.winner is not None  # asked of a winner only
        winner = self.entries[resolution.winner]
        in_place = winner is None or winner is self.placed
        return bool(resolution.donors) or not in_place


def _origin(stored: StoredRun, history: Sequence[Entry]) -> Entry | None:
    """The copy that the stored run is, of whichever import."""
    same = [one for one in history if one.revision == stored.revision]
    if len(same) > 1:  # the run was deleted in between, so that revisions were given again
        digest = stored_candidate(stored, written_by_service=False).facts.digest
        same = [one for one in same if one.digest == digest]
    return next(iter(same), None)


def stored_candidate(
    stored: StoredRun, *, written_by_service: bool, source: Source = Source.HOT
) -> Candidate:
    """The run in the store as one more copy, of a ``source``."""
    record = record_of(stored.columns, stored.document, stored.snapshot)
    return Candidate.of_stored(record, written_by_service=written_by_service, source=source)

"""The reconciliation: decides about every run that the scan left open, and stores what won.

These are runs with several copies, or without any that is well-formed. A run is decided about from
the ledger, over all of its copies at once; only a winner or donor that the store does not hold is
read from the source again. Each batch is one transaction, so a kill loses nothing.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_store.importer.choice.choose import Candidate, Resolution, resolve
from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.choice.restoration import covers_completed, restored
from tandem_store.importer.copies import Copy, QuarantineReason
from tandem_store.importer.ledger_rows import quarantine_row
from tandem_store.importer.parsing import raw_of
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import Source
from tandem_store.importer.source_reader import LostCopyError, SourceReader, file_of
from tandem_store.ledger import CopyOutcome, Entry, Kind, OutcomeRow, Part, ReasonCode
from tandem_store.mapping import record_of, rows_of
from tandem_store.progress import Progress
from tandem_store.runs import StoredRun
from tandem_store.runs.context import RunsContext
from tandem_store.runs.storage import insert_runs, locate, replace
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
class Reconciliation:
    """Decides about what a scan left open. ``lost`` has what could not be read again, and why."""

    session: ImportSession
    reader: SourceReader
    strict: bool
    confirm_months: bool
    progress: Progress
    lost: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Decide about every open run; commits batch by batch."""
        if self.session.current is None:
            return
        import_id = self.session.current.id
        with self.session.begin() as tx:
            tx.ledger.advance(import_id, "settling", now_ms=self.session.now_ms())
            total = tx.ledger.count_unreconciled(import_id)
        _log.info("reconciling %d runs", total)
        done = 0
        while run_ids := self._reconcile_batch(import_id):
            done += len(run_ids)
            self.progress("settling", done, total)

    def _reconcile_batch(self, import_id: int) -> list[str]:
        with self.session.begin() as tx:
            run_ids = tx.ledger.unreconciled_run_ids(import_id, limit=_BATCH)
            entries: dict[str, list[Entry]] = defaultdict(list)
            for entry in tx.ledger.entries_of_runs(run_ids):
                entries[entry.run_id or ""].append(entry)
            for run_id in run_ids:
                self._reconcile(tx, import_id, run_id, entries[run_id])
        return run_ids

    def _reconcile(
        self, tx: Transaction, import_id: int, run_id: str, history: list[Entry]
    ) -> None:
        """Decide about one run; a copy that is no longer where it was read takes no part."""
        left = history
        while True:
            try:
                self._decide(tx, import_id, run_id, left)
            except LostCopyError as lost:
                self.lost[lost.entry.path] = str(lost)
                tx.ledger.retire_entry(lost.entry.id)
                tx.ledger.forget_file(lost.entry.file_id, import_id)
                left = [entry for entry in left if entry.id != lost.entry.id]
            else:
                return

    def _decide(self, tx: Transaction, import_id: int, run_id: str, history: list[Entry]) -> None:
        # Locked before it is read: on PostgreSQL a service may be writing this very run.
        locate(RunsContext(tx.connection), run_id, lock=True)
        case = _Case.of(import_id, tx.runs.document(run_id), history)
        resolution = resolve(case.candidates, strict=self.strict)
        # All of the source is read before anything is written, because a copy may be lost.
        quarantined = self._quarantine_rows(import_id, case, resolution)
        record = self._record_to_store(case, resolution)
        revision = None if case.stored is None else case.stored.revision
        if record is not None:
            if Part.OUTPUTS in resolution.donors and not covers_completed(record):
                resolution = resolution.with_partial_outputs()
            revision = self._store(tx, case, record)
        tx.ledger.decide(case.outcome_rows(resolution, revision))
        tx.quarantine.add(quarantined)

    def _record_to_store(self, case: _Case, resolution: Resolution) -> dict[str, Any] | None:
        """Return the winner's record with its restored parts.

        Returns None if no copy wins, or if the store holds exactly that record already.
        """
        if resolution.winner is None or (
            case.is_in_store(resolution.winner) and not resolution.donors
        ):
            return None
        record = self._record(case, resolution.winner)
        for part, donor in resolution.donors.items():
            record = restored(record, part, self._record(case, donor))
        return record

    def _record(self, case: _Case, at: int) -> dict[str, Any]:
        """Return a candidate's record, from the store if that holds the copy, else the source."""
        entry = case.candidates[at].entry
        if case.stored is not None and case.is_in_store(at):
            return _record_of(case.stored)
        assert entry is not None  # only the stored run has none
        return self.reader.record(entry)

    def _store(self, tx: Transaction, case: _Case, record: dict[str, Any]) -> int:
        """Store a run; returns its revision, the same as before if this import had stored it."""
        run = rows_of(record)
        self.session.ensure_months(tx, {run.month}, confirmed=self.confirm_months)
        if case.stored is None:
            return insert_runs(tx.connection, [run], imported=True)[0]
        revision = case.stored.revision + (case.origin is None)
        replace(tx.connection, run, old_month=case.stored.month, imported=True, revision=revision)
        return revision

    def _quarantine_rows(
        self, import_id: int, case: _Case, resolution: Resolution
    ) -> list[dict[str, Any]]:
        """Return the quarantine's rows for complete copies that may not be stored.

        Damaged copies have their rows already.
        """
        return [
            self._quarantine_row(import_id, candidate.entry, decision.reason.code)
            for candidate, decision in zip(case.candidates, resolution.decisions, strict=True)
            if candidate.entry is not None
            and decision.outcome is CopyOutcome.QUARANTINED
            and candidate.entry.kind is not Kind.DAMAGED
        ]

    def _quarantine_row(self, import_id: int, entry: Entry, reason: str) -> dict[str, Any]:
        data = self.reader.checked_raw(entry)
        copy = Copy(
            entry.digest,
            key=entry.key,
            fault=QuarantineReason(reason, _MESSAGES[reason]),
            raw=raw_of(data),
        )
        row = quarantine_row(
            import_id, entry.id, file_of(entry, len(data)), copy, now_ms=self.session.now_ms()
        )
        if entry.start is not None:
            row |= {"layout": "entry", "start": entry.start, "stop": entry.stop}
        return row


@dataclass(frozen=True, slots=True)
class _Case:
    """One run: the copies of it that this import found, and what the store holds.

    ``origin`` is the copy of this import that the store holds, unless a service has written to the
    run since. Otherwise the stored run is one more candidate.
    """

    stored: StoredRun | None
    origin: Entry | None
    candidates: list[Candidate]

    @classmethod
    def of(cls, import_id: int, stored: StoredRun | None, history: list[Entry]) -> _Case:
        ours = [one for one in history if one.import_id == import_id and one.kind is not None]
        # A copy that is gone from its file takes no part, unless the store holds it.
        present = [one for one in ours if one.seen_import_id == import_id]
        if stored is None:
            return cls(None, None, [Candidate.of_entry(entry) for entry in present])
        written_by_service = not stored.columns["imported"]
        origin = None if written_by_service else _origin(stored, history)
        if origin is None or origin not in ours:
            source = Source.HOT if origin is None else Source(origin.source)
            candidates = [Candidate.of_entry(entry) for entry in present]
            candidates.append(
                Candidate.of_stored(
                    _record_of(stored), written_by_service=written_by_service, source=source
                )
            )
            return cls(stored, None, candidates)
        others = [Candidate.of_entry(entry) for entry in present if entry is not origin]
        return cls(stored, origin, [*others, _candidate_in_store(stored, origin)])

    def is_in_store(self, at: int) -> bool:
        """Whether the store holds a candidate."""
        entry = self.candidates[at].entry
        return entry is None or entry is self.origin

    def outcome_rows(self, resolution: Resolution, revision: int | None) -> list[OutcomeRow]:
        """Return each copy's outcome for the ledger; ``revision`` is that of the stored run."""
        return [
            {
                "entry_id": candidate.entry.id,
                "outcome": decision.outcome.value,
                "reason": decision.reason.as_column(),
                "revision": revision if at == resolution.winner else None,
            }
            for at, (candidate, decision) in enumerate(
                zip(self.candidates, resolution.decisions, strict=True)
            )
            if candidate.entry is not None
        ]


def _candidate_in_store(stored: StoredRun, origin: Entry) -> Candidate:
    """Return the candidate for the copy that the store holds.

    It counts with the parts that were restored to it, so that they are not restored again.
    """
    candidate = Candidate.of_entry(origin)
    if not origin.reason.received:
        return candidate
    return dataclasses.replace(candidate, facts=Facts.of_record(_record_of(stored)))


def _origin(stored: StoredRun, history: Sequence[Entry]) -> Entry | None:
    """Return the copy that the store holds, from any import; None if no import has read it."""
    same = [one for one in history if one.revision == stored.revision]
    if len(same) > 1:  # the run was deleted and stored again, so that revisions repeat
        digest = Facts.of_record(_record_of(stored)).digest
        same = [one for one in same if one.digest == digest]
    return next(iter(same), None)


def _record_of(stored: StoredRun) -> dict[str, Any]:
    return record_of(stored.columns, stored.document, stored.snapshot)

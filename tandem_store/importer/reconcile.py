"""The reconciliation: decides about every run that the scan left open, and stores what won.

These are runs with several copies, or without any that is well-formed. A run is decided about from
the ledger, over all of its copies at once; only a winner or donor that the store does not hold is
read from the source again. Each batch is one transaction, so a kill loses nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_store.importer.choice.choose import (
    Held,
    Resolution,
    resolve,
    resolve_against_absent,
)
from tandem_store.importer.choice.entries import entry_of_stored, record_digest
from tandem_store.importer.choice.restoration import covers_completed, restored
from tandem_store.importer.copies import Rejected
from tandem_store.importer.ledger_rows import quarantine_row
from tandem_store.importer.parsing import raw_of
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import Source
from tandem_store.importer.source_reader import LostCopyError, SourceReader, file_of
from tandem_store.ledger import CopyOutcome, Entry, Kind, OutcomeRow, Part, ReasonCode
from tandem_store.mapping import record_of, rows_of
from tandem_store.month import Month
from tandem_store.progress import Progress
from tandem_store.runs import StoredRun
from tandem_store.runs.context import RunsContext
from tandem_store.runs.detached_runs import updated_times
from tandem_store.runs.storage import insert_runs, locate, replace
from tandem_store.store import Transaction

_log: Final = logging.getLogger(__name__)

#: Runs of one transaction.
_BATCH: Final = 100
_MESSAGES: Final[dict[str, str]] = {
    ReasonCode.TENANT_CONFLICT: (
        "another tenant's run has the same id; the best copy of that one was stored"
    ),
    ReasonCode.MONTH_DETACHED: (
        "newer than what the store has in the archive of a detached month, or of such a month; "
        "attach the month, then retry it"
    ),
    ReasonCode.CONTENT_FORGOTTEN: (
        "newer than the run in the store, whose content was forgotten; discard it, or restore the "
        "content, then retry it"
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
        case, resolution = self._resolved(tx, import_id, run_id, history)
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

    def _resolved(
        self, tx: Transaction, import_id: int, run_id: str, history: list[Entry]
    ) -> tuple[_Case, Resolution]:
        """Return what there is of a run, and what is decided about it."""
        detached_at_ms = updated_times(tx.connection, [run_id]).get(run_id)
        if detached_at_ms is not None:
            return _absent(import_id, history, detached_at_ms, ReasonCode.MONTH_DETACHED)
        stored = tx.runs.document(run_id)
        if stored is not None and stored.is_forgotten:
            updated_at_ms = stored.columns["updated_at_ms"]
            return _absent(import_id, history, updated_at_ms, ReasonCode.CONTENT_FORGOTTEN)
        case = _Case.of(import_id, stored, history)
        resolution = resolve(case.copies, case.held, strict=self.strict)
        if case.month_of_new(resolution.winner) in self.session.detached_months:
            resolution = resolution.without_winner(ReasonCode.MONTH_DETACHED)
        return case, resolution

    def _record_to_store(self, case: _Case, resolution: Resolution) -> dict[str, Any] | None:
        """Return the winner's record with its restored parts.

        Returns None if no copy wins, or if the store holds exactly that record already.
        """
        if resolution.winner is None or (
            resolution.winner == case.in_store and not resolution.donors
        ):
            return None
        record = self._record(case, resolution.winner)
        for part, donor in resolution.donors.items():
            record = restored(record, part, self._record(case, donor))
        return record

    def _record(self, case: _Case, at: int) -> dict[str, Any]:
        """Return a copy's record, from the store if that holds the copy, else the source."""
        if case.stored is not None and at == case.in_store:
            return _record_of(case.stored)
        return self.reader.record(case.copies[at])

    def _store(self, tx: Transaction, case: _Case, record: dict[str, Any]) -> int:
        """Store a run; returns its revision, the same as before if this import had stored it."""
        run = rows_of(record)
        self.session.ensure_months(tx, {run.month}, confirmed=self.confirm_months)
        if case.stored is None:
            return insert_runs(tx.connection, [run], imported=True)[0]
        revision = case.stored.revision + (case.held is not None)
        replace(tx.connection, run, old_month=case.stored.month, imported=True, revision=revision)
        return revision

    def _quarantine_rows(
        self, import_id: int, case: _Case, resolution: Resolution
    ) -> list[dict[str, Any]]:
        """Return the quarantine's rows for complete copies that may not be stored.

        Damaged copies have their rows already.
        """
        return [
            self._quarantine_row(import_id, entry, decision.reason.code)
            for entry, decision in zip(case.copies, resolution.decisions, strict=True)
            if entry.id
            and decision.outcome is CopyOutcome.QUARANTINED
            and entry.kind is not Kind.DAMAGED
        ]

    def _quarantine_row(self, import_id: int, entry: Entry, reason: str) -> dict[str, Any]:
        data = self.reader.checked_raw(entry)
        rejected = Rejected(reason, _MESSAGES[reason], raw_of(data))
        file = file_of(entry, len(data))
        now_ms = self.session.now_ms()
        return quarantine_row(import_id, file, rejected, entry=entry, now_ms=now_ms)


@dataclass(frozen=True, slots=True)
class _Case:
    """One run: the copies of it that this import found, and what the store holds.

    The last copy is the one that the store holds, if it holds one. That is a copy which this import
    found, or else ``held``: the run as an earlier import or a service stored it, which has no
    number.
    """

    stored: StoredRun | None
    copies: list[Entry]
    held: Held | None = None

    @classmethod
    def of(cls, import_id: int, stored: StoredRun | None, history: list[Entry]) -> _Case:
        ours = [one for one in history if one.import_id == import_id and one.kind is not None]
        # A copy that is gone from its file takes no part, unless the store holds it.
        present = [one for one in ours if one.seen_import_id == import_id]
        if stored is None:
            return cls(None, present)
        written_by_service = not stored.columns["imported"]
        origin = None if written_by_service else _origin(stored, history)
        if origin is not None and origin in ours:
            others = [one for one in present if one is not origin]
            return cls(stored, [*others, _with_restored_parts(origin, stored)])
        source = Source.HOT.value if origin is None else origin.source
        copies = [*present, entry_of_stored(_record_of(stored), source)]
        return cls(stored, copies, Held(len(present), written_by_service))

    @property
    def in_store(self) -> int | None:
        """The index of the copy that the store holds."""
        return None if self.stored is None else len(self.copies) - 1

    def month_of_new(self, winner: int | None) -> Month | None:
        """Return the month of a winner that the store does not hold; None for any other."""
        return None if winner in (None, self.in_store) else self.copies[winner].month

    def outcome_rows(self, resolution: Resolution, revision: int | None) -> list[OutcomeRow]:
        """Return each copy's outcome for the ledger; ``revision`` is that of the stored run."""
        return [
            {
                "entry_id": entry.id,
                "outcome": decision.outcome.value,
                "reason": decision.reason.as_column(),
                "revision": revision if at == resolution.winner else None,
            }
            for at, (entry, decision) in enumerate(
                zip(self.copies, resolution.decisions, strict=True)
            )
            if entry.id
        ]


def _absent(
    import_id: int, history: list[Entry], updated_at_ms: int, reason: ReasonCode
) -> tuple[_Case, Resolution]:
    """Return what is decided about a run of which the store has no content."""
    case = _Case.of(import_id, None, history)
    return case, resolve_against_absent(case.copies, updated_at_ms, reason)


def _with_restored_parts(origin: Entry, stored: StoredRun) -> Entry:
    """Return the copy that the store holds, with the parts that were restored to it.

    They count as its own, so that they are not restored again.
    """
    if not origin.reason.received:
        return origin
    now = entry_of_stored(_record_of(stored))
    return origin._replace(digest=now.digest, outputs=now.outputs, parts=now.parts)


def _origin(stored: StoredRun, history: Sequence[Entry]) -> Entry | None:
    """Return the copy that the store holds, from any import; None if no import has read it."""
    same = [one for one in history if one.revision == stored.revision]
    if len(same) > 1:  # the run was deleted and stored again, so that revisions repeat
        digest = record_digest(_record_of(stored))
        same = [one for one in same if one.digest == digest]
    return next(iter(same), None)


def _record_of(stored: StoredRun) -> dict[str, Any]:
    return record_of(stored.columns, stored.document, stored.snapshot)

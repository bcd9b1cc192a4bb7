"""Quarantined bytes read again with the present code: what it understands now is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL

from tandem_store.database import partitions
from tandem_store.errors import SourceError
from tandem_store.importer.choice.choose import Candidate, Decision, resolve
from tandem_store.importer.copies import Copy
from tandem_store.importer.definitions import definitions_in, is_newer
from tandem_store.importer.file_snapshot import Frozen, frozen
from tandem_store.importer.ledger_rows import entry_row
from tandem_store.importer.lock import alone
from tandem_store.importer.parsing import Piece, copies_of_file, copies_of_pieces
from tandem_store.importer.reconcile import stored_candidate
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, value_at
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.importer.source_reader import file_of
from tandem_store.importer.splitting import cut
from tandem_store.importer.worker_pool import perform
from tandem_store.ledger import CopyOutcome, Entry
from tandem_store.mapping import from_column, to_column
from tandem_store.quarantine import QuarantineItem
from tandem_store.runs import listing
from tandem_store.runs.storage import place, replace
from tandem_store.store import Transaction, open_store

_GONE: Final = "its bytes are not in the source any more"


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of one item: ``resolved`` if it left the quarantine, and why or why not.

    ``discarded`` if somebody had discarded it before, so that there was nothing to read.
    """

    id: int
    path: str
    resolved: bool
    message: str
    discarded: bool = False


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What came of every item, in the order asked for, each once."""

    items: list[Retried] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or 3 when something stays in quarantine, or had been discarded."""
        return 0 if all(item.resolved for item in self.items) else 3

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "items": [
                {
                    "id": item.id,
                    "path": item.path,
                    "resolved": item.resolved,
                    "message": item.message,
                    "discarded": item.discarded,
                }
                for item in self.items
            ]
        }


def retry_quarantined(url: str | URL, item_ids: Sequence[int]) -> RetryReport:
    """Read the kept bytes of quarantined items again, each in a transaction of its own.

    An item leaves the quarantine when everything in it could be taken; otherwise nothing changes.

    Raises ``NotFoundError`` for a number that is no item's.
    """
    report = RetryReport()
    with alone(url), open_store(url) as store:
        for item_id in dict.fromkeys(item_ids):
            with store.begin() as tx:
                report.items.append(_retry(tx, tx.quarantine.get(item_id)))
    return report


def _retry(tx: Transaction, item: QuarantineItem) -> Retried:
    if item.discarded:
        return Retried(item.id, item.path, False, "its bytes are gone", discarded=True)
    if item.size > LARGEST_RECORD and item.layout != Layout.RUNS.value:
        why = f"still too large: {item.size:,} bytes, and at most {LARGEST_RECORD:,} are read"
        return Retried(item.id, item.path, False, why)
    if item.entry_id is None:
        data = _bytes(tx, item)
        fault = _GONE if data is None else _retry_definitions(tx, item, data)
    else:
        entry = tx.ledger.entry(item.entry_id)
        copies = _copies(tx, item, entry)
        fault = _GONE if copies is None else _retry_runs(tx, entry, copies)
    if fault is None:
        tx.quarantine.discard([item.id], now_ms=ImportSession.now_ms())
    return Retried(item.id, item.path, fault is None, fault or "imported")


def _bytes(tx: Transaction, item: QuarantineItem) -> bytes | None:
    """The item's bytes, from the source if they were too many to keep and are there still."""
    if not item.kept_in_source:
        return tx.quarantine.raw(item.id)
    try:
        with _source(tx, item).open("rb") as file:
            file.seek(item.start or 0)
            data = file.read(item.size)
    except OSError:
        return None
    return data if sha256(data).digest() == item.digest else None


def _source(tx: Transaction, item: QuarantineItem) -> Path:
    assert item.import_id is not None  # quarantined by an import
    return Path(tx.ledger.root(item.import_id)) / item.path


def _copies(tx: Transaction, item: QuarantineItem, entry: Entry) -> list[Copy] | None:
    """The copies in the bytes, read as what they should have been; ``None`` if those are gone."""
    if item.layout == Layout.RUNS.value and item.kept_in_source:
        return _copies_in_source(tx, item, entry)
    if (data := _bytes(tx, item)) is None:
        return None
    file = file_of(entry, len(data))
    if item.layout == "entry":
        return copies_of_pieces(file, [_piece(item, data)])
    if item.layout == Layout.RUNS.value:
        return _copies_of_runs(file, Frozen(data, len(data), file.mtime_ns))
    return copies_of_file(file, data)


def _copies_in_source(tx: Transaction, item: QuarantineItem, entry: Entry) -> list[Copy] | None:
    """The copies in a hot file that was too large to keep, read as an import reads it."""
    try:
        with frozen(_source(tx, item), None) as content:
            if content.digest != item.digest:
                return None
            return _copies_of_runs(file_of(entry, content.size), content)
    except (OSError, SourceError):
        return None


def _copies_of_runs(file: SourceFile, content: Frozen) -> list[Copy]:
    readings = (one for task in cut(file, content, after=-1) for one in perform(Path(), task))
    return [copy for reading in readings for copy in reading.copies]


def _piece(item: QuarantineItem, data: bytes) -> Piece:
    """An entry as a piece again; its range is that in the source."""
    start, value = item.start or 0, value_at(data)
    cut_off = item.reason == DamageKind.TRUNCATED.value
    kind = DamageKind.TRUNCATED if cut_off else DamageKind.DAMAGED
    damage = kind if value is None else None
    return Piece(Span(start, start + (value or 0), start + len(data), damage), data)


def _retry_runs(tx: Transaction, entry: Entry, copies: list[Copy]) -> str | None:
    """Store the runs of an item; returns what still is wrong with it, having written nothing."""
    judged = [(copy, *_judged(tx, entry, copy)) for copy in copies]
    faults = [fault for _, fault, _ in judged if fault is not None]
    if faults or not copies:
        return f"still {faults[0] if faults else 'no run in it'}"
    rows = []
    for number, (copy, _, decision) in enumerate(
        judged, start=tx.ledger.last_ids()["import_entries"] + 1
    ):
        assert decision is not None  # there is one for every copy without a fault
        row = entry_row(number, entry.import_id, entry.file_id, copy)
        outcome, reason = decision.outcome.value, decision.reason.as_column()
        rows.append(row | {"outcome": outcome, "reason": reason})
        if decision.outcome is CopyOutcome.IMPORTED:
            rows[-1]["revision"] = _write(tx, copy)
    tx.ledger.replace_entry(entry.id, rows)
    return None


def _judged(tx: Transaction, entry: Entry, copy: Copy) -> tuple[str | None, Decision | None]:
    """What is wrong with a copy, or else what becomes of it beside the run in the store."""
    if copy.fault is not None or copy.facts is None:
        return (copy.fault.message if copy.fault else "no run"), None
    listing.locate(tx.connection, to_column(copy.facts.run_id), lock=True)
    stored = tx.runs.document(copy.facts.run_id)
    candidates = [Candidate(copy.facts, Source(entry.source), entry.path, copy.ordinal)]
    if stored is not None:
        written_by_service = not stored.columns["imported"]
        candidates.append(stored_candidate(stored, written_by_service=written_by_service))
    decision = resolve(candidates).decisions[0]
    if decision.outcome is CopyOutcome.QUARANTINED:
        return decision.reason.code, None
    return None, decision


def _write(tx: Transaction, copy: Copy) -> int:
    assert copy.run is not None  # a winner is whole
    run_id = from_column(copy.run.columns["run_id"])
    partitions.ensure(tx.connection, [copy.run.month])
    stored = tx.runs.document(run_id)
    if stored is None:
        return place(tx.connection, [copy.run], imported=True)[0]
    revision = stored.revision + 1
    replace(tx.connection, copy.run, old_month=stored.month, imported=True, revision=revision)
    return revision


def _retry_definitions(tx: Transaction, item: QuarantineItem, data: bytes) -> str | None:
    """Store the definition of an item; returns what still is wrong with it."""
    # A definition out of the older file of all is kept alone, as if it had a file of its own.
    file = SourceFile(Source.DEFINITION, Layout.DEFINITION, item.path, len(data), 0)
    for found in definitions_in(file, data):
        if isinstance(found, Copy):
            return f"still {found.fault.message if found.fault else 'damaged'}"
        if is_newer(found, tx.automations.get(found.automation_id)):
            tx.automations.put(found)
    return None

"""Reads quarantined bytes again with the present code, and imports what it understands now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL

from tandem_store.database import partitions
from tandem_store.database.locks.jobs import import_lock
from tandem_store.errors import MonthDetachedError, SourceError
from tandem_store.importer.choice.choose import CopyDecision, Held, resolve
from tandem_store.importer.choice.entries import entry_of_stored
from tandem_store.importer.copies import Copy, FileToRead
from tandem_store.importer.definitions import RejectedDefinition, definitions_in, is_newer
from tandem_store.importer.file_snapshot import FileSnapshot, snapshot_of
from tandem_store.importer.parsing import Piece, copies_of_file, copies_of_pieces
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD, value_at
from tandem_store.importer.source.spans import DamageKind, Span
from tandem_store.importer.source_reader import file_of
from tandem_store.importer.splitting import cut
from tandem_store.importer.worker_pool import perform
from tandem_store.ledger import CopyOutcome, Entry
from tandem_store.mapping import record_of
from tandem_store.quarantine import QuarantineItem
from tandem_store.runs.context import RunsContext
from tandem_store.runs.storage import insert_runs, locate, replace
from tandem_store.store import Transaction, open_store

_GONE: Final = "its bytes are not in the source any more"
_ELSEWHERE: Final = (
    "it came with the archive of another store, which knows the file that it was in: retry it there"
)


class _StillFaultyError(Exception):
    """The item has to stay in quarantine; nothing was written."""


@dataclass(frozen=True, slots=True)
class Retried:
    """The result for one item: ``resolved`` if it has left the quarantine, or why not.

    ``discarded`` if it had been discarded before, so that there was nothing to read.
    """

    id: int
    path: str
    resolved: bool
    message: str
    discarded: bool = False


@dataclass(frozen=True, slots=True)
class RetryReport:
    """The result for every item, in the order in which they were asked for, each once."""

    items: list[Retried] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
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

    An item leaves the quarantine if everything in it can be imported; otherwise nothing changes.

    Raises ``NotFoundError`` if no item has one of the numbers.
    """
    report = RetryReport()
    with import_lock(url), open_store(url) as store:
        for item_id in dict.fromkeys(item_ids):
            with store.begin() as tx:
                report.items.append(_retry(tx, tx.quarantine.require(item_id)))
    return report


def _retry(tx: Transaction, item: QuarantineItem) -> Retried:
    if item.discarded:
        return Retried(item.id, item.path, False, "its bytes are gone", discarded=True)
    try:
        _import(tx, item)
    except _StillFaultyError as error:
        return Retried(item.id, item.path, False, str(error))
    tx.quarantine.discard([item.id], now_ms=ImportSession.now_ms())
    return Retried(item.id, item.path, True, "imported")


def _import(tx: Transaction, item: QuarantineItem) -> None:
    if item.size > LARGEST_RECORD and item.layout != Layout.RUNS.value:
        raise _StillFaultyError(
            f"still too large: {item.size:,} bytes, and at most {LARGEST_RECORD:,} are read"
        )
    if item.import_id is None:
        raise _StillFaultyError(_ELSEWHERE)
    if item.entry_id is None:
        _import_definitions(tx, item, _bytes(tx, item))
    else:
        entry = tx.ledger.require(item.entry_id)
        _import_runs(tx, entry, _copies(tx, item, entry))


def _bytes(tx: Transaction, item: QuarantineItem) -> bytes:
    """Return the item's bytes, from the source if they were too many to keep.

    Raises ``_StillFaultyError`` if they are not there any more.
    """
    if not item.kept_in_source:
        data = tx.quarantine.raw(item.id)
    else:
        try:
            with _source(tx, item).open("rb") as file:
                file.seek(item.start or 0)
                data = file.read(item.size)
        except OSError as error:
            raise _StillFaultyError(_GONE) from error
        if sha256(data).digest() != item.digest:
            data = None
    if data is None:
        raise _StillFaultyError(_GONE)
    return data


def _source(tx: Transaction, item: QuarantineItem) -> Path:
    assert item.import_id is not None  # quarantined by an import
    return Path(tx.ledger.require_root(item.import_id)) / item.path


def _copies(tx: Transaction, item: QuarantineItem, entry: Entry) -> list[Copy]:
    """Return the copies in the item's bytes, read as what they should have been."""
    if item.layout == Layout.RUNS.value and item.kept_in_source:
        return _copies_in_source(tx, item, entry)
    data = _bytes(tx, item)
    file = file_of(entry, len(data))
    if item.layout == "entry":
        return copies_of_pieces(file, [_piece(item, data)])
    if item.layout == Layout.RUNS.value:
        return _copies_of_runs(file, FileSnapshot(data, len(data), file.mtime_ns))
    return copies_of_file(file, data)


def _copies_in_source(tx: Transaction, item: QuarantineItem, entry: Entry) -> list[Copy]:
    """Return the copies in a hot file that was too large to keep, read as an import reads it."""
    try:
        with snapshot_of(_source(tx, item), None) as content:
            if content.digest != item.digest:
                raise _StillFaultyError(_GONE)
            return _copies_of_runs(file_of(entry, content.size), content)
    except (OSError, SourceError) as error:
        raise _StillFaultyError(_GONE) from error


def _copies_of_runs(file: SourceFile, content: FileSnapshot) -> list[Copy]:
    tasks = cut(FileToRead.of(file), content, after=-1)
    readings = (one for task in tasks for one in perform(Path(), task))
    return [copy for reading in readings for copy in reading.copies]


def _piece(item: QuarantineItem, data: bytes) -> Piece:
    """Return a quarantined entry as a piece again, with its range in the source."""
    start, value = item.start or 0, value_at(data)
    cut_off = item.reason == DamageKind.TRUNCATED.value
    kind = DamageKind.TRUNCATED if cut_off else DamageKind.DAMAGED
    damage = kind if value is None else None
    return Piece(Span(start, start + (value or 0), start + len(data), damage), data)


def _import_runs(tx: Transaction, entry: Entry, copies: list[Copy]) -> None:
    """Store the runs of an item, after deciding about all of them."""
    if not copies:
        raise _StillFaultyError("still no run in it")
    decisions = [_decision(tx, copy) for copy in copies]
    first = tx.ledger.last_ids()["import_entries"] + 1
    entries = [
        _stored(tx, entry, first + number, copy, decision)
        for number, (copy, decision) in enumerate(zip(copies, decisions, strict=True))
    ]
    tx.ledger.replace_entry(entry.id, entries)


def _decision(tx: Transaction, copy: Copy) -> CopyDecision:
    """Return what is decided about a copy when it is compared with the run in the store.

    Raises ``_StillFaultyError`` if the copy has to stay in quarantine.
    """
    if copy.rejected is not None:
        raise _StillFaultyError(f"still {copy.rejected.message}")
    run_id = copy.entry.run_id or ""
    locate(RunsContext(tx.connection), run_id, lock=True)
    if copy.run is not None and partitions.is_detached(tx.connection, copy.run.month):
        raise _StillFaultyError(f"its month, {copy.run.month}, is detached: attach it first")
    try:
        stored = tx.runs.document(run_id)
    except MonthDetachedError as error:
        raise _StillFaultyError(str(error)) from error
    if stored is not None and stored.is_forgotten:
        raise _StillFaultyError("the content of its run was forgotten")
    copies, held = [copy.entry], None
    if stored is not None:
        record = record_of(stored.columns, stored.document, stored.snapshot)
        copies.append(entry_of_stored(record))
        held = Held(1, written_by_service=not stored.columns["imported"])
    decision = resolve(copies, held).decisions[0]
    if decision.outcome is CopyOutcome.QUARANTINED:
        raise _StillFaultyError(f"still {decision.reason.code}")
    return decision


def _stored(
    tx: Transaction, entry: Entry, entry_id: int, copy: Copy, decision: CopyDecision
) -> Entry:
    """Return the ledger's entry of a copy, after storing the copy if it won."""
    return copy.entry._replace(
        id=entry_id,
        file_id=entry.file_id,
        import_id=entry.import_id,
        seen_import_id=entry.import_id,
        outcome=decision.outcome,
        reason=decision.reason,
        revision=_store(tx, copy) if decision.outcome is CopyOutcome.IMPORTED else None,
    )


def _store(tx: Transaction, copy: Copy) -> int:
    """Store a run; returns its revision."""
    assert copy.run is not None  # a copy without a fault has its rows
    run_id = copy.run.columns["run_id"]
    partitions.ensure(tx.connection, [copy.run.month])
    stored = tx.runs.document(run_id)
    if stored is None:
        return insert_runs(tx.connection, [copy.run], imported=True)[0]
    revision = stored.revision + 1
    replace(tx.connection, copy.run, old_month=stored.month, imported=True, revision=revision)
    return revision


def _import_definitions(tx: Transaction, item: QuarantineItem, data: bytes) -> None:
    # Whatever file the definition came from, its bytes were kept as if they were a file of its own.
    file = SourceFile(Source.DEFINITION, Layout.DEFINITION, item.path, len(data), 0)
    for found in definitions_in(file, data):
        if isinstance(found, RejectedDefinition):
            raise _StillFaultyError(f"still {found.rejected.message}")
        if is_newer(found, tx.automations.get(found.automation_id)):
            tx.automations.put(found)

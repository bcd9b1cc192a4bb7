"""The current definitions of the automations, from the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tandem_store.errors import LegacyFormatError, UnstorableError
from tandem_store.importer.copies import FileToRead, Rejected
from tandem_store.importer.ledger_rows import file_state, quarantine_row
from tandem_store.importer.parsing import FileContent, content_of, raw_of, too_large
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import Layout, SkippedFile, SourceFile
from tandem_store.jsontext import dumps, loads
from tandem_store.legacy.definitions import definition_entries
from tandem_store.mapping import refuse_long_id
from tandem_store.records import AutomationSpec
from tandem_store.records.reading import read_automation
from tandem_store.store import Transaction


@dataclass(frozen=True, slots=True)
class RejectedDefinition:
    """Bytes that should have been a definition, with their key in a file of many definitions."""

    key: str | None
    rejected: Rejected


def import_definitions(
    session: ImportSession, root: Path, files: Iterable[FileToRead]
) -> list[SkippedFile]:
    """Store the definitions of new and changed files, the newest of each automation.

    Returns the files that could not be read.
    """
    skipped: list[SkippedFile] = []
    read: list[tuple[FileToRead, FileContent]] = []
    for file in files:
        try:
            content, _ = content_of(f"{root}/{file.path}")
        except OSError as error:
            skipped.append(SkippedFile.unreadable(file.path, error))
            continue
        if file.known is None or file.known.digest != content.digest:
            read.append((file, content))
    if read:
        with session.begin() as tx:
            _store(session, tx, read)
    return skipped


def _store(
    session: ImportSession, tx: Transaction, read: list[tuple[FileToRead, FileContent]]
) -> None:
    import_id = session.ensure_begun(tx)
    newest: dict[str, AutomationSpec] = {}
    for file, content in read:
        _note_file(session, tx, replace(file, size=content.size), content.digest)
        for item in definitions_of(file, content):
            if isinstance(item, RejectedDefinition):
                now_ms = session.now_ms()
                row = quarantine_row(import_id, file, item.rejected, key=item.key, now_ms=now_ms)
                tx.quarantine.add([row])
            elif is_newer(item, newest.get(item.automation_id)):
                newest[item.automation_id] = item
    for automation_id, definition in sorted(newest.items()):
        if is_newer(definition, tx.automations.get(automation_id)):
            tx.automations.put(definition)


def definitions_of(
    file: SourceFile, content: FileContent
) -> Iterable[AutomationSpec | RejectedDefinition]:
    """Return the definitions in a file, and what is not one as rejected."""
    if content.data is None:
        return [RejectedDefinition(None, too_large(content.digest, content.size))]
    return definitions_in(file, content.data)


def definitions_in(file: SourceFile, data: bytes) -> Iterator[AutomationSpec | RejectedDefinition]:
    """Yield the definitions in the bytes of a file, and what is not one as rejected."""
    if not data.strip():
        return
    entries: dict[str, Any] | dict[None, Any]
    try:
        is_one = file.layout is Layout.DEFINITION
        entries = {None: loads(data)} if is_one else definition_entries(data)
    except LegacyFormatError as error:
        yield _rejected(data, None, "damaged_definition", str(error))
        return
    for key, entry in entries.items():
        yield _definition(key, entry, data if key is None else None)


def _definition(
    key: str | None, entry: Any, data: bytes | None
) -> AutomationSpec | RejectedDefinition:
    try:
        definition = read_automation(entry)
        if definition.updated_at_ms >= 2**63:
            raise UnstorableError("updated_at_ms is beyond 2^63 - 1", reason="out_of_range")
        refuse_long_id("automation_id", definition.automation_id)
    except UnstorableError as error:
        return _rejected(data or dumps(entry), key, error.reason, str(error))
    except LegacyFormatError as error:
        return _rejected(data or dumps(entry), key, "damaged_definition", str(error))
    return definition


def is_newer(definition: AutomationSpec, other: AutomationSpec | None) -> bool:
    """Whether a definition replaces another.

    If both are equally new, their content decides, so that the order of files does not matter.
    """
    if other is None or definition.updated_at_ms != other.updated_at_ms:
        return other is None or definition.updated_at_ms > other.updated_at_ms
    return _fired(definition) > _fired(other)


def _fired(definition: AutomationSpec) -> tuple[int, int, bytes]:
    """Return the sort key for definitions that were updated at the same time; the greatest counts.

    First come the times that change when the automation fires, which is no update of its
    definition; then its content.
    """
    return (
        definition.last_fired_at_ms or 0,
        definition.next_fire_at_ms or 0,
        dumps(definition.to_legacy()),
    )


def _rejected(data: bytes, key: str | None, reason: str, message: str) -> RejectedDefinition:
    return RejectedDefinition(key, Rejected(reason, message, raw_of(data)))


def _note_file(session: ImportSession, tx: Transaction, file: FileToRead, digest: bytes) -> None:
    state = file_state(session.ensure_begun(tx), file, digest, complete=True)
    if file.known is None:
        tx.ledger.add_files([session.file_row(tx, file, state)])
    else:
        tx.ledger.update_file(file.id, state)

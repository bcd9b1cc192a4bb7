"""Reads copies again where the ledger found them: the few that are needed and not in the store."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tandem_store.errors import LegacyFormatError, SourceError
from tandem_store.importer.choice.entries import record_digest
from tandem_store.importer.parsing import record_in, recovered_from
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD
from tandem_store.importer.validation import check_run
from tandem_store.jsontext import loads
from tandem_store.ledger import Entry, Kind


class LostCopyError(SourceError):
    """A copy is no longer where it was read: its file has changed or is gone."""

    def __init__(self, entry: Entry, why: str) -> None:
        super().__init__(f"{entry.path} {why}: stop the engine, then run the import again")
        self.entry = entry


@dataclass(frozen=True, slots=True)
class SourceReader:
    """Reads copies below ``root``, the directory that the ledger's paths are relative to."""

    root: Path

    def raw(self, entry: Entry) -> bytes:
        """Return the bytes of a copy from its key on, unchecked.

        Raises ``LostCopyError`` if they cannot be read.
        """
        try:
            with (self.root / entry.path).open("rb") as file:
                if entry.start is None or entry.stop is None:
                    return file.read()
                file.seek(entry.start)
                return file.read(entry.stop - entry.start)
        except OSError as error:
            raise LostCopyError(entry, f"cannot be read again ({error.strerror})") from error

    def checked_raw(self, entry: Entry) -> bytes:
        """Return the bytes of a copy; raises ``LostCopyError`` unless they are still the same."""
        self.record(entry)
        return self.raw(entry)

    def record(self, entry: Entry) -> dict[str, Any]:
        """Return the record of a copy, recovered if it is damaged.

        Raises ``LostCopyError`` if it is not the copy that was read before.
        """
        if self._size(entry) > LARGEST_RECORD:
            raise _changed(entry)  # what was read was smaller
        data = self.raw(entry)
        try:
            record = self._parsed(entry, data)
            if entry.kind == Kind.DAMAGED:
                if sha256(data).digest() == entry.digest:
                    return self._recovered(entry, record)
            elif record_digest(record) == entry.digest:
                found: dict[str, Any] = record
                return found
        except LegacyFormatError as error:
            raise _changed(entry) from error
        raise _changed(entry)

    def _size(self, entry: Entry) -> int:
        if entry.start is not None and entry.stop is not None:
            return entry.stop - entry.start
        try:
            return (self.root / entry.path).stat().st_size
        except OSError:
            return 0  # reading it will report the failure

    def _parsed(self, entry: Entry, data: bytes) -> Any:
        if entry.start is None or entry.value is None:
            return record_in(file_of(entry, len(data)), data)
        return loads(data[entry.value - entry.start :])

    def _recovered(self, entry: Entry, record: Any) -> dict[str, Any]:
        try:
            check_run(record)
        except LegacyFormatError as error:
            return recovered_from(file_of(entry, 0), entry.key or "", record, str(error))
        raise _changed(entry)  # only a damaged copy is recovered


def file_of(entry: Entry, size: int) -> SourceFile:
    """Return the file of a copy; ``size`` is the number of its bytes that are read."""
    source = Source(entry.source)
    layout = Layout.SHARD if entry.start is None else Layout.RUNS
    if source is Source.CONTEXT:
        layout = Layout.CONTEXT
    return SourceFile(source, layout, entry.path, size, entry.mtime_ns)


def _changed(entry: Entry) -> LostCopyError:
    return LostCopyError(entry, "changed since it was read")

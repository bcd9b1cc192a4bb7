"""The entries of the ledger for the copies of one batch, read by a few queries for all of them.

``found`` is a copy as it was read now, and an entry is what the ledger remembers of one.

A query for each copy would take a third of the time of a verification over a network, and time
that grows with the square of their number where a file holds many copies without a run id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tandem_store.ledger import CopyOutcome, Entry, ReasonCode
from tandem_store.ledger.reader import LedgerReader

WINNERS: Final = {CopyOutcome.IMPORTED, CopyOutcome.RECOVERED}
#: Of a copy that was gone before anything was decided about it, as if it had never been seen.
_NEVER_JUDGED: Final = ReasonCode.SOURCE_CHANGED


class KnownCopies:
    """The ledger's rows of the copies in a batch, and of all other copies of their runs."""

    def __init__(self, ledger: LedgerReader, root: str, batch: Sequence[Entry]) -> None:
        self._ledger = ledger
        self._root = root
        self._histories: dict[str, list[Entry]] = defaultdict(list)
        self._same: dict[tuple[str, str | None, bytes], Entry] = {}
        self._at_position: dict[tuple[str, int], Entry] = {}
        self._by_key: dict[tuple[str, str], Entry] = {}
        self._files: dict[str, bool] = {}
        ids = {found.run_id for found in batch if found.run_id is not None}
        for entry in ledger.entries_of_runs(sorted(ids)):
            self._histories[entry.run_id or ""].append(entry)
            self._note(entry)
        self._find_by_position(batch)
        self._find_by_content(batch)

    def entry(self, found: Entry) -> Entry | None:
        """Return the ledger's entry of this very copy, the latest if there are several; or None."""
        return self._same.get((found.path, found.key, found.digest))

    def before(self, found: Entry) -> Entry | None:
        """Return the entry that had this copy's key or position when the file was last read."""
        by_key = None if found.key is None else self._by_key.get((found.path, found.key))
        return by_key or self._at_position.get((found.path, found.ordinal))

    def history(self, entry: Entry) -> list[Entry]:
        """Return every copy of the same run that any import has found."""
        return self._histories[entry.run_id or ""]

    def has_file(self, path: str) -> bool:
        """Whether an import of this directory has read a file."""
        if path not in self._files:
            self._files[path] = self._ledger.has_read_file(self._root, path)
        return self._files[path]

    def _find_by_position(self, batch: Sequence[Entry]) -> None:
        """Find copies without a known run id by the position that the ledger has."""
        for path, copies in self._unknown(batch):
            positions = [found.ordinal for found in copies]
            for entry in self._ledger.entries_between(path, min(positions), max(positions)):
                self._note(entry)
                self._at_position[path, entry.ordinal] = entry

    def _find_by_content(self, batch: Sequence[Entry]) -> None:
        """Find copies without a run id that moved because their file has changed."""
        nameless = [found for found in batch if found.run_id is None]
        for path, copies in self._unknown(nameless):
            if any(found.start is not None for found in copies):
                digests = {found.digest for found in copies}
                keys = {found.key for found in copies if found.key is not None}
                for entry in self._ledger.entries_alike(path, digests, keys):
                    self._note(entry)

    def _unknown(self, batch: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
        files: dict[str, list[Entry]] = defaultdict(list)
        for found in batch:
            if self.entry(found) is None:
                files[found.path].append(found)
        yield from files.items()

    def _note(self, entry: Entry) -> None:
        if entry.key is not None:
            self._by_key.setdefault((entry.path, entry.key), entry)
        if entry.reason.code == _NEVER_JUDGED:
            return
        identity = (entry.path, entry.key, entry.digest)
        other = self._same.get(identity)
        if other is None or other.id < entry.id:
            self._same[identity] = entry

"""The entries of the ledger for the copies of one batch, read by a few queries for all of them.

A query for each copy would take a third of the time of a verification over a network, and time
that grows with the square of their number where a file holds many copies without a run id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tandem_store.importer.copies import Copy
from tandem_store.ledger import CopyOutcome, Entry, ReasonCode
from tandem_store.ledger.reader import LedgerReader

#: A copy and the path of its file.
Found = tuple[str, Copy]
WINNERS: Final = {CopyOutcome.IMPORTED, CopyOutcome.RECOVERED}
#: Of a copy that was gone before anything was decided about it, as if it had never been seen.
_NEVER_JUDGED: Final = ReasonCode.SOURCE_CHANGED


class KnownCopies:
    """The ledger's rows of the copies in a batch, and of all other copies of their runs."""

    def __init__(self, ledger: LedgerReader, root: str, batch: Sequence[Found]) -> None:
        self._ledger = ledger
        self._root = root
        self._histories: dict[str, list[Entry]] = defaultdict(list)
        self._same: dict[tuple[str, str | None, bytes], Entry] = {}
        self._at_position: dict[tuple[str, int], Entry] = {}
        self._by_key: dict[tuple[str, str], Entry] = {}
        self._files: dict[str, bool] = {}
        ids = {run_id for _, copy in batch if (run_id := run_id_of(copy)) is not None}
        for entry in ledger.entries_of_runs(sorted(ids)):
            self._histories[entry.run_id or ""].append(entry)
            self._note(entry)
        self._find_by_position(batch)
        self._find_by_content(batch)

    def entry(self, path: str, copy: Copy) -> Entry | None:
        """Return the ledger's row for this very copy, the latest if there are several; or None."""
        return self._same.get((path, copy.key, copy.digest))

    def before(self, path: str, copy: Copy) -> Entry | None:
        """Return the entry that had this copy's key or position when the file was last read."""
        by_key = None if copy.key is None else self._by_key.get((path, copy.key))
        return by_key or self._at_position.get((path, copy.ordinal))

    def history(self, entry: Entry) -> list[Entry]:
        """Return every copy of the same run that any import has found."""
        return self._histories[entry.run_id or ""]

    def has_file(self, path: str) -> bool:
        """Whether an import of this directory has read a file."""
        if path not in self._files:
            self._files[path] = self._ledger.has_read_file(self._root, path)
        return self._files[path]

    def _find_by_position(self, batch: Sequence[Found]) -> None:
        """Find copies without a known run id by the position that the ledger has."""
        for path, copies in self._unknown(batch):
            positions = [copy.ordinal for copy in copies]
            for entry in self._ledger.entries_between(path, min(positions), max(positions)):
                self._note(entry)
                self._at_position[path, entry.start or 0] = entry

    def _find_by_content(self, batch: Sequence[Found]) -> None:
        """Find copies without a run id that moved because their file has changed."""
        nameless = [(path, copy) for path, copy in batch if run_id_of(copy) is None]
        for path, copies in self._unknown(nameless):
            if any(copy.span is not None for copy in copies):
                digests = {copy.digest for copy in copies}
                keys = {copy.key for copy in copies if copy.key is not None}
                for entry in self._ledger.entries_alike(path, digests, keys):
                    self._note(entry)

    def _unknown(self, batch: Iterable[Found]) -> Iterator[tuple[str, list[Copy]]]:
        files: dict[str, list[Copy]] = defaultdict(list)
        for path, copy in batch:
            if self.entry(path, copy) is None:
                files[path].append(copy)
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


def run_id_of(copy: Copy) -> str | None:
    """Return the id of the run that a copy is of, or claims to be of; None if it names no run."""
    return copy.claimed_id if copy.facts is None else copy.facts.run_id

"""One import at work: its store, its row in the ledger, and the numbers that it assigns."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from sqlalchemy.exc import IntegrityError

from tandem_store import clock
from tandem_store.database import partitions
from tandem_store.errors import StoreError, StoreLockedError
from tandem_store.importer.copies import FileToRead
from tandem_store.importer.moved_directory import holds_all
from tandem_store.ledger import FileRow, FileState, Import
from tandem_store.month import Month
from tandem_store.store import Store, Transaction

_log: Final = logging.getLogger(__name__)

#: How many months a store may have before an import asks.
MANY_MONTHS: Final = 600
_DISTURBED: Final = (
    "Another process stored some of the same runs at this moment. Stop it, then run the import "
    "again; it goes on where it stopped."
)


#: The tables whose rows the importer numbers.
LedgerTable = Literal["import_directories", "import_files", "import_entries"]


class ManyMonthsError(StoreError):
    """The store would have more than 600 months, which hints at wrong clocks in the source."""


@dataclass(slots=True)
class ImportSession:
    """One importer at work. It assigns the ledger's numbers, because no other importer runs.

    ``current`` is the import as the ledger has it, ``None`` until there is something to write.
    ``detached_months`` stay so: no month is detached or attached while an import runs.
    """

    store: Store
    root: str
    strict: bool
    tool_version: str
    current: Import | None = None
    detached_months: set[Month] = field(default_factory=set)
    _ids: dict[str, int] = field(default_factory=dict)
    _directories: dict[str, int] = field(default_factory=dict)
    _months: set[Month] = field(default_factory=set)

    def resume(self) -> None:
        """Go on with an interrupted import of this root, if there is one.

        That may be the import of a directory that was moved here since. Interrupted imports of
        other directories stay interrupted until those directories are imported again.
        """
        with self.store.begin() as tx:
            unfinished = tx.ledger.lock_unfinished()
            self._ids = tx.ledger.last_ids()
            states = list(tx.months.states())
        self.detached_months = {one.month for one in states if one.state == "detached"}
        self._months = {one.month for one in states} - self.detached_months
        mine = next((one for one in unfinished if one.root == self.root), None)
        self.current = mine or self._moved_here(unfinished)

    def _moved_here(self, unfinished: list[Import]) -> Import | None:
        for one in unfinished:
            with self.store.read() as tx, closing(tx.ledger.files_read_by(one.id)) as files:
                same = holds_all(Path(self.root), files)
            # Checked last, because the file server of the old directory may be slow to answer.
            if same and not os.path.lexists(one.root):
                with self.store.begin() as tx:
                    tx.ledger.move(one.id, self.root)
                _log.info("%s was moved to %s; its import goes on there", one.root, self.root)
                return replace(one, root=self.root)
        return None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction for one batch; on failure the session forgets what it noted meanwhile.

        Raises ``StoreLockedError`` if another process stored some of the same runs at the same
        moment, which PostgreSQL allows.
        """
        directories, current, months = dict(self._directories), self.current, set(self._months)
        try:
            with self.store.begin() as tx:
                yield tx
        except BaseException as error:
            self._directories, self.current, self._months = directories, current, months
            if isinstance(error, IntegrityError):
                raise StoreLockedError(_DISTURBED) from error
            raise

    def ensure_begun(self, tx: Transaction) -> int:
        """Return the import's number in the ledger; the first call inserts its row."""
        if self.current is None:
            self.current = tx.ledger.begin(
                self.root, strict=self.strict, now_ms=self.now_ms(), tool_version=self.tool_version
            )
        return self.current.id

    def next_id(self, table: LedgerTable) -> int:
        """Return the next free number of a ledger table."""
        self._ids[table] += 1
        return self._ids[table]

    def file_row(self, tx: Transaction, file: FileToRead, state: FileState) -> FileRow:
        """Return the row for a file that the ledger does not know yet."""
        directory, _, name = file.path.rpartition("/")
        return {
            "id": file.id,
            "directory_id": self._directory_id(tx, directory),
            "name": name,
            **state,
        }

    def _directory_id(self, tx: Transaction, directory: str) -> int:
        if directory not in self._directories:
            known = tx.ledger.directory_id(directory)
            if known is None:
                known = self.next_id("import_directories")
                tx.ledger.add_directory(known, directory)
            self._directories[directory] = known
        return self._directories[directory]

    def lacks_months(self, months: set[Month]) -> bool:
        """Whether one of the months has no table yet."""
        return not months <= self._months

    def ensure_months(self, tx: Transaction, months: set[Month], *, confirmed: bool) -> None:
        """Make the tables of months that have none.

        Raises ``ManyMonthsError`` if the store would then have more than 600 months, unless
        ``confirmed``.
        """
        new = months - self._months
        if not new:
            return
        if len(self._months | new) > MANY_MONTHS and not confirmed:
            raise ManyMonthsError(
                f"The store would have more than {MANY_MONTHS} months, because the runs are dated "
                f"from {min(months)} to {max(months)}. If that is right, run again with --yes."
            )
        partitions.ensure(tx.connection, new)
        _log.info("made the months %s", ", ".join(month.label for month in sorted(new)))
        self._months |= new

    @staticmethod
    def now_ms() -> int:
        """Return the milliseconds since 1970, UTC."""
        return clock.now_ms()

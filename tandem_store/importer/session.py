"""What one import holds on to: its store, its row in the ledger, and the numbers it gives out."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from tandem_store.database import partitions
from tandem_store.errors import StoreError, StoreLockedError
from tandem_store.importer.moved_directory import holds_all
from tandem_store.ledger import Import
from tandem_store.month import Month
from tandem_store.store import Store, Transaction

_log: Final = logging.getLogger(__name__)

#: How many months a store may have before an import asks.
MANY_MONTHS: Final = 600
_DISTURBED: Final = (
    "Another process stored some of the same runs at this moment. Stop it, then run the import "
    "again; it goes on where it stopped."
)


class ManyMonthsError(StoreError):
    """The store would have more than 600 months, which hints at wrong clocks in the source."""


@dataclass(slots=True)
class ImportSession:
    """One importer at work. The ledger's numbers are its to give: no other importer runs.

    ``current`` is the import as the ledger has it, ``None`` until there is something to write.
    """

    store: Store
    root: str
    strict: bool
    tool_version: str
    current: Import | None = None
    _ids: dict[str, int] = field(default_factory=dict)
    _directories: dict[str, int] = field(default_factory=dict)
    _months: set[Month] = field(default_factory=set)

    def resume(self) -> None:
        """Go on with an interrupted import of this root, if there is one.

        So is one of a directory that is not where it was and proves to be this one: it was moved.
        Those of other directories stay interrupted until their own are imported again.
        """
        with self.store.begin() as tx:
            unfinished = tx.ledger.unfinished_and_idle()
            self._ids = tx.ledger.last_ids()
            self._months = {known.month for known in tx.months.states()}
        mine = next((one for one in unfinished if one.root == self.root), None)
        self.current = mine or self._moved_here(unfinished)

    def _moved_here(self, unfinished: list[Import]) -> Import | None:
        for one in unfinished:
            with self.store.read() as tx, closing(tx.ledger.files_read_by(one.id)) as files:
                same = holds_all(Path(self.root), files)
            # Looked for last, because a directory on a server that is away may be waited for.
            if same and not os.path.lexists(one.root):
                with self.store.begin() as tx:
                    tx.ledger.move(one.id, self.root)
                _log.info("%s was moved to %s; its import goes on there", one.root, self.root)
                return replace(one, root=self.root)
        return None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One batch: a transaction; what it added to our memory is forgotten if it fails.

        Raises ``StoreLockedError`` if somebody stored the same runs at the same moment, which
        PostgreSQL allows.
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
        """The import's id in the ledger; its row is made when there is something to write."""
        if self.current is None:
            self.current = tx.ledger.begin(
                self.root, strict=self.strict, now_ms=self.now_ms(), tool_version=self.tool_version
            )
        return self.current.id

    def next_id(self, table: str) -> int:
        """The next free number of a ledger table."""
        self._ids[table] += 1
        return self._ids[table]

    def file_row(self, tx: Transaction, path: str, state: dict[str, Any]) -> dict[str, Any]:
        """The row of a file that the ledger has not seen, for ``Ledger.add_files``."""
        directory, _, name = path.rpartition("/")
        return {
            "id": self.next_id("import_files"),
            "directory_id": self._directory_id(tx, directory),
            "name": name,
            **state,
        }

    def _directory_id(self, tx: Transaction, directory: str) -> int:
        if directory not in self._directories:
            known = tx.ledger.directory_id(directory)
            if known is None:
                known = self.next_id("import_directories")
                row = {"id": known, "path": directory}
                tx.ledger.add_directories([row])
            self._directories[directory] = known
        return self._directories[directory]

    def lacks(self, months: set[Month]) -> bool:
        """Whether one of the months has no table yet."""
        return not months <= self._months

    def ensure_months(self, tx: Transaction, months: set[Month], *, confirmed: bool) -> None:
        """Make month tables; raises ``ManyMonthsError`` rather than go beyond 600 unasked."""
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
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

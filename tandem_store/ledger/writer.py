"""What an import writes into the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import bindparam, insert, update

from tandem_store.database.bulk import insert_rows, insert_tuples
from tandem_store.ledger.outcomes import CopyOutcome, ReasonCode
from tandem_store.ledger.queries import ENTRY_COLUMNS, IMPORTS, entry_row
from tandem_store.ledger.reader import LedgerReader
from tandem_store.ledger.rows import (
    NO_DIGEST,
    Entry,
    FileRow,
    FileState,
    Import,
    OutcomeRow,
    SeenRow,
)
from tandem_store.tables import import_directories, import_entries, import_files, imports

#: The outcome of a copy that was gone from its file before anything was decided about it.
_GONE: Final = {
    "outcome": CopyOutcome.SUPERSEDED.value,
    "reason": ReasonCode.SOURCE_CHANGED.value,
}


class Ledger(LedgerReader):
    """The ledger, for reading and writing; the connection's owner commits."""

    def lock_unfinished(self) -> list[Import]:
        """Lock the rows of the unfinished imports; returns the imports, the oldest first.

        Waits for the last batch of an importer that was killed, which a PostgreSQL server may still
        be committing: its rows refer to that of the import, which can be locked only afterwards.
        """
        query = IMPORTS.where(imports.c.state != "done").order_by(imports.c.id)
        self._connection.execute(query.with_for_update()).all()
        return self.unfinished()

    def begin(self, root: str, *, strict: bool, now_ms: int, tool_version: str) -> Import:
        """Start an import; the caller has made sure that no other one is running."""
        values = {"root": root, "state": "scanning", "strict": strict}
        result = self._connection.execute(
            insert(imports).values(**values, started_at_ms=now_ms, tool_version=tool_version)
        )
        key = result.inserted_primary_key
        assert key is not None  # the row that was inserted has one
        return Import(key[0], root, "scanning", strict)

    def advance(self, import_id: int, state: str, *, now_ms: int) -> None:
        """Note that an import has reached the state ``settling`` or ``done``."""
        finished = now_ms if state == "done" else None
        self._connection.execute(
            update(imports)
            .where(imports.c.id == import_id)
            .values(state=state, finished_at_ms=finished)
        )

    def move(self, import_id: int, root: str) -> None:
        """Note that the directory of an import has been moved to ``root``."""
        self._connection.execute(update(imports).where(imports.c.id == import_id).values(root=root))

    def add_directory(self, directory_id: int, path: str) -> None:
        """Insert a directory; its number follows on ``last_ids``."""
        row = {"id": directory_id, "path": path}
        insert_rows(self._connection, import_directories, [row])

    def add_files(self, rows: Sequence[FileRow]) -> None:
        """Insert files, whose numbers follow on ``last_ids``."""
        insert_rows(self._connection, import_files, rows)

    def add_entries(self, entries: Iterable[Entry]) -> None:
        """Insert copies, whose numbers follow on ``last_ids``."""
        rows = [entry_row(one) for one in entries]
        insert_tuples(self._connection, import_entries, ENTRY_COLUMNS, rows)

    def update_file(self, file_id: int, state: FileState) -> None:
        """Note how a known file looked when it was read again."""
        self._connection.execute(
            update(import_files).where(import_files.c.id == file_id).values(**state)
        )

    def retire(self, file_id: int, import_id: int) -> None:
        """Forget the copies that this import found in a file that it reads anew or cannot find.

        Runs that were stored already stay. Copies that have no outcome yet will not get one,
        whichever import found them: if that import was interrupted, it will read the file again.
        """
        changed = update(import_entries).where(import_entries.c.file_id == file_id)
        seen = import_entries.c.seen_import_id == import_id
        self._connection.execute(changed.where(seen).values(seen_import_id=0))
        self._connection.execute(
            changed.where(import_entries.c.outcome.is_(None)).values(
                **_GONE, kind=None, seen_import_id=0
            )
        )

    def forget_file(self, file_id: int, import_id: int) -> None:
        """Mark a file of this import as never read, so that it is read when it is there again.

        That holds whatever its size, time and digest are then, because not all of its copies have
        an outcome.
        """
        self._connection.execute(
            update(import_files)
            .where(import_files.c.id == file_id, import_files.c.import_id == import_id)
            .values(complete=False, digest=NO_DIGEST)
        )

    def retire_entry(self, entry_id: int) -> None:
        """Forget a copy that is no longer where it was read."""
        self._connection.execute(
            update(import_entries)
            .where(import_entries.c.id == entry_id)
            .values(**_GONE, kind=None, seen_import_id=0)
        )

    def mark_seen(self, rows: Sequence[SeenRow]) -> None:
        """Note where known copies stand now."""
        if rows:
            self._connection.execute(_UPDATE_ENTRY, rows)

    def decide(self, rows: Sequence[OutcomeRow]) -> None:
        """Write the outcomes of copies."""
        if rows:
            self._connection.execute(_UPDATE_ENTRY, rows)

    def replace_entry(self, entry_id: int, entries: Iterable[Entry]) -> None:
        """Replace a copy that could not be read by those that a second attempt found in it."""
        self.add_entries(entries)
        self._connection.execute(
            update(import_entries).where(import_entries.c.id == entry_id).values(seen_import_id=0)
        )


_UPDATE_ENTRY: Final = update(import_entries).where(import_entries.c.id == bindparam("entry_id"))

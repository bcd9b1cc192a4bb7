"""What an import writes into the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, insert, update

from tandem_store.database.bulk import insert_rows
from tandem_store.ledger.outcomes import CopyOutcome, ReasonCode
from tandem_store.ledger.reader import LedgerReader
from tandem_store.ledger.rows import IMPORTS, NO_DIGEST, Import
from tandem_store.mapping import to_column
from tandem_store.models import import_directories, import_entries, import_files, imports

#: Of a copy that is not where it was read, before anything was decided about it.
_GONE: Final = {
    "outcome": CopyOutcome.SUPERSEDED.value,
    "reason": ReasonCode.SOURCE_CHANGED.value,
}


class Ledger(LedgerReader):
    """The ledger, for reading and writing; the connection's owner commits."""

    def unfinished_and_idle(self) -> list[Import]:
        """As ``unfinished``, but waits for the batch that a killed importer may have under way.

        On PostgreSQL the server may still be committing it. Its rows refer to that of its import,
        which can be locked only when they are done.
        """
        query = IMPORTS.where(imports.c.state != "done").order_by(imports.c.id)
        self._connection.execute(query.with_for_update()).all()
        return self.unfinished()

    def begin(self, root: str, *, strict: bool, now_ms: int, tool_version: str) -> Import:
        """Start an import; the caller made sure that no other runs."""
        values = {"root": to_column(root), "state": "scanning", "strict": strict}
        result = self._connection.execute(
            insert(imports).values(**values, started_at_ms=now_ms, tool_version=tool_version)
        )
        key = result.inserted_primary_key
        assert key is not None  # one row with a made-up key was inserted
        return Import(key[0], root, "scanning", strict)

    def advance(self, import_id: int, state: str, *, now_ms: int) -> None:
        """Go on to ``settling`` or ``done``."""
        finished = now_ms if state == "done" else None
        self._connection.execute(
            update(imports)
            .where(imports.c.id == import_id)
            .values(state=state, finished_at_ms=finished)
        )

    def move(self, import_id: int, root: str) -> None:
        """Note that the directory of an import is somewhere else now."""
        self._connection.execute(
            update(imports).where(imports.c.id == import_id).values(root=to_column(root))
        )

    def add_directories(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note directories, as rows of the table with ids that follow on ``last_ids``."""
        insert_rows(self._connection, import_directories, rows)

    def add_files(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note files, likewise."""
        insert_rows(self._connection, import_files, rows)

    def add_entries(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note copies, likewise."""
        insert_rows(self._connection, import_entries, rows)

    def update_file(self, file_id: int, **values: Any) -> None:
        """Note how a known file looked when it was read again."""
        self._connection.execute(
            update(import_files).where(import_files.c.id == file_id).values(**values)
        )

    def retire(self, file_id: int, import_id: int) -> None:
        """Forget the copies that this import saw in a file that it reads anew or cannot find.

        What was stored already stays in place. What was not judged yet never will be, no matter
        which import found it: an interrupted one whose file another has read since reads it again.
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
        """Let a file of this import count as never read, so that it is read when it is there again.

        Its copies were not all judged, whatever its size, time and digest will be then.
        """
        self._connection.execute(
            update(import_files)
            .where(import_files.c.id == file_id, import_files.c.import_id == import_id)
            .values(complete=False, digest=NO_DIGEST)
        )

    def retire_entry(self, entry_id: int) -> None:
        """Forget a copy that is not where it was read."""
        self._connection.execute(
            update(import_entries)
            .where(import_entries.c.id == entry_id)
            .values(**_GONE, kind=None, seen_import_id=0)
        )

    def saw_again(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note where known copies stand now; rows of ``entry_id``, place and ``seen_import_id``."""
        if rows:
            self._connection.execute(
                update(import_entries).where(import_entries.c.id == bindparam("entry_id")), rows
            )

    def decide(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write decisions: rows of ``entry_id``, ``outcome``, ``reason`` and ``revision``."""
        if rows:
            self._connection.execute(
                update(import_entries).where(import_entries.c.id == bindparam("entry_id")), rows
            )

    def replace_entry(self, entry_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put what a second look found in the place of a copy that could not be read."""
        self.add_entries(rows)
        self._connection.execute(
            update(import_entries).where(import_entries.c.id == entry_id).values(seen_import_id=0)
        )

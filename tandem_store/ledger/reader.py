"""Reading the ledger."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, func, select

from tandem_store.database.read_only import ReadOnly
from tandem_store.errors import NotFoundError
from tandem_store.ledger.accounts import BATCH, STREAMED, Accounts
from tandem_store.ledger.outcomes import CopyOutcome, Kind, ReasonCode
from tandem_store.ledger.queries import (
    ENTRIES,
    FILES,
    IMPORTS,
    entry_of,
    known_file,
    path_of,
)
from tandem_store.ledger.rows import (
    NO_DIGEST,
    Entry,
    Import,
    KnownCopy,
    KnownFile,
    ReadFile,
)
from tandem_store.tables import import_directories, import_entries, import_files, imports

#: The kinds of copies that are complete.
_COMPLETE: Final = (Kind.WELL_FORMED.value, Kind.STUB.value)


class LedgerReader(Accounts, ReadOnly):
    """The ledger as the connection's transaction sees it; cannot write."""

    def unfinished(self) -> list[Import]:
        """Return the imports that were started and not finished, the oldest first."""
        rows = self._connection.execute(
            IMPORTS.where(imports.c.state != "done").order_by(imports.c.id)
        )
        return [Import(row.id, row.root, row.state, row.strict) for row in rows]

    def require_root(self, import_id: int) -> str:
        """Return the directory that an import read.

        Raises ``NotFoundError`` if there is no import with this number.
        """
        query = select(imports.c.root).where(imports.c.id == import_id)
        root: str | None = self._connection.execute(query).scalar()
        if root is None:
            raise NotFoundError(f"There is no import {import_id} in the ledger.")
        return root

    def files_in(self, directory: str) -> dict[str, KnownFile]:
        """Return the known files of one directory, by name."""
        rows = self._connection.execute(FILES, {"path": directory}, execution_options=STREAMED)
        return {row.name: known_file(row) for row in rows}

    def files_read_by(self, import_id: int) -> Generator[ReadFile]:
        """Yield the files that an import read and no other has read since; close it after use."""
        files = import_files.c
        query = (
            select(import_directories.c.path, files.name, files.size, files.digest)
            .join_from(import_files, import_directories)
            .where(files.import_id == import_id, files.digest != NO_DIGEST)
            .order_by(files.id)
        )
        with self._connection.execute(query, execution_options=STREAMED) as rows:
            for row in rows:
                yield ReadFile(path_of(row), row.size, row.digest)

    def last_ids(self) -> dict[str, int]:
        """Return the greatest numbers of directories, files and entries, by table name."""
        tables = (import_directories, import_files, import_entries)
        highest = (select(func.coalesce(func.max(table.c.id), 0)) for table in tables)
        return {
            table.name: self._connection.execute(statement).scalar_one()
            for table, statement in zip(tables, highest, strict=True)
        }

    def directory_id(self, directory: str) -> int | None:
        """Return the number of a directory; ``None`` if the ledger does not know it."""
        found: int | None = self._connection.execute(
            select(import_directories.c.id).where(import_directories.c.path == directory)
        ).scalar()
        return found

    def open_files(self, import_id: int) -> list[tuple[int, int]]:
        """Return the numbers of the files with copies that an import has not decided about.

        With each comes the number of the import that read the file last.
        """
        entry = import_entries.c
        query = (
            select(entry.file_id, import_files.c.import_id)
            .join_from(import_entries, import_files)
            .where(entry.import_id == import_id, entry.outcome.is_(None))
        )
        rows = self._connection.execute(query.distinct(), execution_options=STREAMED)
        return [(row.file_id, row.import_id) for row in rows]

    def last_ordinal(self, file_id: int, import_id: int) -> int:
        """Return the position of the last copy that an import found in a file, -1 without one."""
        found: int | None = self._connection.execute(
            select(func.max(import_entries.c.ordinal)).where(
                import_entries.c.file_id == file_id, import_entries.c.seen_import_id == import_id
            )
        ).scalar()
        return -1 if found is None else found

    def copies_in_file(
        self, file_id: int, run_ids: Iterable[str], *, unseen_by: int
    ) -> list[KnownCopy]:
        """Return the copies that a file once held, of these runs or of no known run.

        Copies without an outcome are left out, and so are those that the import ``unseen_by`` has
        seen in the file again already.
        """
        entry = import_entries.c
        named = entry.run_id.in_(list(run_ids))
        query = select(entry.id, entry.key, entry.digest).where(
            entry.file_id == file_id,
            named | entry.run_id.is_(None),
            entry.seen_import_id != unseen_by,
            entry.outcome.is_not(None),
            entry.reason.is_distinct_from(ReasonCode.SOURCE_CHANGED.value),
        )
        rows = self._connection.execute(query)
        return [KnownCopy(row.id, row.key, row.digest) for row in rows]

    def unreconciled_run_ids(self, import_id: int, *, limit: int) -> list[str]:
        """Return the next run ids, sorted, that an import has not decided about yet."""
        pending = (
            select(import_entries.c.run_id)
            .where(import_entries.c.import_id == import_id, import_entries.c.outcome.is_(None))
            .distinct()
            .order_by(import_entries.c.run_id)
            .limit(limit)
        )
        return list(self._connection.execute(pending).scalars())

    def entries_of_runs(self, run_ids: Sequence[str]) -> Iterator[Entry]:
        """Yield every copy of the runs with exactly these ids, from all imports."""
        for first in range(0, len(run_ids), BATCH):
            named = import_entries.c.run_id.in_(run_ids[first : first + BATCH])
            for row in self._connection.execute(ENTRIES.where(named)):
                yield entry_of(row)

    def get(self, entry_id: int) -> Entry | None:
        """Return one copy, or None if there is none with this number."""
        query = ENTRIES.where(import_entries.c.id == entry_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else entry_of(row)

    def require(self, entry_id: int) -> Entry:
        """Return one copy. Raises ``NotFoundError`` if there is none with this number."""
        entry = self.get(entry_id)
        if entry is None:
            raise NotFoundError(f"There is no copy {entry_id} in the ledger of imports.")
        return entry

    def entries_between(self, path: str, first: int, last: int) -> list[Entry]:
        """Return the copies that a file held from one position to another when it was last read."""
        return self._entries_at(path, import_entries.c.ordinal.between(first, last))

    def entries_alike(
        self, path: str, digests: Iterable[bytes], keys: Iterable[str]
    ) -> list[Entry]:
        """Return the copies in a file that have one of these keys, or else one of these digests.

        By their digests only copies of no known run are found. The file counts as it was when it
        was last read.
        """
        entry = import_entries.c
        nameless = entry.run_id.is_(None) & entry.digest.in_(list(digests))
        return self._entries_at(path, nameless | entry.key.in_(list(keys)))

    def _entries_at(self, path: str, which: ColumnElement[bool]) -> list[Entry]:
        directory, _, name = path.rpartition("/")
        rows = self._connection.execute(
            ENTRIES.where(
                import_directories.c.path == directory,
                import_files.c.name == name,
                import_entries.c.seen_import_id == import_files.c.import_id,
                which,
            ).order_by(import_entries.c.ordinal)
        )
        return [entry_of(row) for row in rows]

    def has_read_file(self, root: str, path: str) -> bool:
        """Whether a file was last read by an import of this directory."""
        directory, _, name = path.rpartition("/")
        query = select(import_files.c.id).join(import_directories).join(imports)
        return (
            self._connection.execute(
                query.where(
                    imports.c.root == root,
                    import_directories.c.path == directory,
                    import_files.c.name == name,
                )
            ).scalar()
            is not None
        )

    def count_complete(self, file_id: int) -> int:
        """Return how many complete runs a file held when it was last read."""
        entry = import_entries.c
        skipped = entry.outcome == CopyOutcome.SKIPPED.value
        return self._connection.execute(
            select(func.count())
            .select_from(import_entries)
            .join(import_files)
            .where(entry.file_id == file_id, entry.seen_import_id == import_files.c.import_id)
            .where(entry.kind.in_(_COMPLETE) | skipped)
        ).scalar_one()

    def origins(self, run_id: str) -> list[Entry]:
        """Return every copy of a run that any import has read, the oldest import first."""
        return sorted(self.entries_of_runs([run_id]), key=lambda entry: entry.id)

    def count_unreconciled(self, import_id: int | None = None) -> int:
        """Return how many runs have copies that one import, or any, has not decided about yet."""
        waiting = select(func.count(import_entries.c.run_id.distinct())).where(
            import_entries.c.outcome.is_(None)
        )
        if import_id is not None:
            waiting = waiting.where(import_entries.c.import_id == import_id)
        return self._connection.execute(waiting).scalar_one()

    def is_interrupted(self) -> bool:
        """Whether any import was started and not finished."""
        return (
            self._connection.execute(
                select(imports.c.id).where(imports.c.state != "done").limit(1)
            ).scalar()
            is not None
        )

    def has_read(self, root: str) -> bool:
        """Whether an import of this directory was ever started."""
        query = select(imports.c.id).where(imports.c.root == root).limit(1)
        return self._connection.execute(query).scalar() is not None

    def files_of(self, root: str) -> Iterator[tuple[str, str]]:
        """Yield path and source of the files that were last read by imports of this directory."""
        query = (
            select(import_directories.c.path, import_files.c.name, import_files.c.source)
            .join_from(import_files, import_directories)
            .join(imports)
            .where(imports.c.root == root)
        )
        for folder, name, source in self._connection.execute(query, execution_options=STREAMED):
            yield f"{folder}/{name}" if folder else name, source

    def last_finished_at_ms(self) -> int | None:
        """Return when the last import of any directory was finished, in milliseconds; or None."""
        query = select(func.max(imports.c.finished_at_ms))
        found: int | None = self._connection.execute(query).scalar()
        return found

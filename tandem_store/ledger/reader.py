"""What can be asked of the ledger."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select

from tandem_store.ledger.accounts import BATCH, STREAMED, Accounts
from tandem_store.ledger.outcomes import CopyOutcome, Kind, ReasonCode
from tandem_store.ledger.rows import (
    ENTRIES,
    FILES,
    IMPORTS,
    NO_DIGEST,
    Entry,
    Import,
    KnownFile,
    ReadFile,
    entry_of,
    known_file,
    path_of,
)
from tandem_store.mapping import from_column, to_column
from tandem_store.models import import_directories, import_entries, import_files, imports

#: Well-formed copies and stubs.
_WHOLE: Final = (Kind.WELL_FORMED.value, Kind.STUB.value)


class LedgerReader(Accounts):
    """The ledger as the connection's transaction sees it; cannot write."""

    def unfinished(self) -> list[Import]:
        """The imports that were begun and not ended, the oldest first."""
        rows = self._connection.execute(
            IMPORTS.where(imports.c.state != "done").order_by(imports.c.id)
        )
        return [Import(row.id, from_column(row.root), row.state, row.strict) for row in rows]

    def root(self, import_id: int) -> str:
        """The directory that an import reads."""
        query = select(imports.c.root).where(imports.c.id == import_id)
        return from_column(self._connection.execute(query).scalar_one())

    def files_in(self, directory: str) -> dict[str, KnownFile]:
        """The known files of one directory by name."""
        rows = self._connection.execute(
            FILES, {"path": to_column(directory)}, execution_options=STREAMED
        )
        return {from_column(row.name): known_file(row) for row in rows}

    def files_read_by(self, import_id: int) -> Generator[ReadFile]:
        """The files that an import read and no other has read since; to be closed."""
        files = import_files.c
        query = (
            select(import_directories.c.path, files.name, files.size, files.digest)
            .join_from(import_files, import_directories)
            .where(files.import_id == import_id, files.digest != NO_DIGEST)
            .order_by(files.id)
        )
        with self._connection.execute(query, execution_options=STREAMED) as rows:
            for row in rows:
                yield ReadFile(path_of(row), row.size, bytes(row.digest))

    def last_ids(self) -> dict[str, int]:
        """The greatest ids of directories, files and entries, from which an importer numbers on."""
        tables = (import_directories, import_files, import_entries)
        highest = (select(func.coalesce(func.max(table.c.id), 0)) for table in tables)
        return {
            table.name: self._connection.execute(statement).scalar_one()
            for table, statement in zip(tables, highest, strict=True)
        }

    def directory_id(self, directory: str) -> int | None:
        """The id under which a directory is known."""
        found: int | None = self._connection.execute(
            select(import_directories.c.id).where(import_directories.c.path == to_column(directory))
        ).scalar()
        return found

    def open_files(self, import_id: int) -> list[tuple[int, int]]:
        """The files with copies that the import has not judged yet, and who read each last."""
        entry = import_entries.c
        query = (
            select(entry.file_id, import_files.c.import_id)
            .join_from(import_entries, import_files)
            .where(entry.import_id == import_id, entry.outcome.is_(None))
        )
        rows = self._connection.execute(query.distinct(), execution_options=STREAMED)
        return [(row.file_id, row.import_id) for row in rows]

    def last_ordinal(self, file_id: int, import_id: int) -> int:
        """How far an import has come in a file, -1 for not at all."""
        found: int | None = self._connection.execute(
            select(func.max(import_entries.c.ordinal)).where(
                import_entries.c.file_id == file_id, import_entries.c.seen_import_id == import_id
            )
        ).scalar()
        return -1 if found is None else found

    def entries_of_file(
        self, file_id: int, run_ids: Iterable[str], *, before: int
    ) -> list[Row[Any]]:
        """Id, key and digest of the copies of these runs, or of none, that a file once held.

        Only those that the import ``before`` has not seen again yet.
        """
        named = import_entries.c.run_id.in_([to_column(run_id) for run_id in run_ids])
        return list(
            self._connection.execute(
                select(import_entries.c.id, import_entries.c.key, import_entries.c.digest).where(
                    import_entries.c.file_id == file_id,
                    named | import_entries.c.run_id.is_(None),
                    import_entries.c.seen_import_id != before,
                    import_entries.c.outcome.is_not(None),
                    import_entries.c.reason.is_distinct_from(ReasonCode.SOURCE_CHANGED.value),
                )
            )
        )

    def open_run_ids(self, import_id: int, *, limit: int) -> list[str]:
        """The next ids, as columns have them, that the import has not judged yet, in order."""
        pending = (
            select(import_entries.c.run_id)
            .where(import_entries.c.import_id == import_id, import_entries.c.outcome.is_(None))
            .distinct()
            .order_by(import_entries.c.run_id)
            .limit(limit)
        )
        return list(self._connection.execute(pending).scalars())

    def entries_of_runs(self, run_ids: Sequence[str]) -> Iterator[Entry]:
        """Every copy of these runs, from all imports; ids as columns have them."""
        for first in range(0, len(run_ids), BATCH):
            named = import_entries.c.run_id.in_(run_ids[first : first + BATCH])
            for row in self._connection.execute(ENTRIES.where(named)):
                yield entry_of(row)

    def entry(self, entry_id: int) -> Entry:
        """One copy."""
        row = self._connection.execute(ENTRIES.where(import_entries.c.id == entry_id)).one()
        return entry_of(row)

    def entries_between(self, path: str, first: int, last: int) -> list[Entry]:
        """The copies that a file held when it was last read, from one place in it to another."""
        place = import_entries.c.ordinal.between(first, last)
        return self._entries_at(path, place)

    def nameless_entries(
        self, path: str, digests: Iterable[bytes], keys: Iterable[str]
    ) -> list[Entry]:
        """Those of no known run with one of these digests, and all with one of these keys."""
        entry = import_entries.c
        nameless = entry.run_id.is_(None) & entry.digest.in_(list(digests))
        return self._entries_at(path, nameless | entry.key.in_(list(map(to_column, keys))))

    def _entries_at(self, path: str, which: ColumnElement[bool]) -> list[Entry]:
        directory, _, name = path.rpartition("/")
        rows = self._connection.execute(
            ENTRIES.where(
                import_directories.c.path == to_column(directory),
                import_files.c.name == to_column(name),
                import_entries.c.seen_import_id == import_files.c.import_id,
                which,
            ).order_by(import_entries.c.ordinal)
        )
        return [entry_of(row) for row in rows]

    def has_read_file(self, root: str, path: str) -> bool:
        """Whether it was an import of this directory that read a file last."""
        directory, _, name = path.rpartition("/")
        query = select(import_files.c.id).join(import_directories).join(imports)
        return (
            self._connection.execute(
                query.where(
                    imports.c.root == to_column(root),
                    import_directories.c.path == to_column(directory),
                    import_files.c.name == to_column(name),
                )
            ).scalar()
            is not None
        )

    def whole_copies(self, file_id: int) -> int:
        """How many whole runs a file held when it was last read."""
        entry = import_entries.c
        skipped = entry.outcome == CopyOutcome.SKIPPED.value
        return self._connection.execute(
            select(func.count())
            .select_from(import_entries)
            .join(import_files)
            .where(entry.file_id == file_id, entry.seen_import_id == import_files.c.import_id)
            .where(entry.kind.in_(_WHOLE) | skipped)
        ).scalar_one()

    def origins(self, run_id: str) -> list[Entry]:
        """Every copy of a run that was ever read, the oldest import first."""
        return sorted(self.entries_of_runs([to_column(run_id)]), key=lambda entry: entry.id)

    def unsettled(self, import_id: int | None = None) -> int:
        """How many runs wait for the end of an interrupted import: of this one, or of any."""
        waiting = select(func.count(import_entries.c.run_id.distinct())).where(
            import_entries.c.outcome.is_(None)
        )
        if import_id is not None:
            waiting = waiting.where(import_entries.c.import_id == import_id)
        return self._connection.execute(waiting).scalar_one()

    def is_interrupted(self) -> bool:
        """Whether an import was begun and not ended."""
        return (
            self._connection.execute(
                select(imports.c.id).where(imports.c.state != "done").limit(1)
            ).scalar()
            is not None
        )

    def has_read(self, root: str) -> bool:
        """Whether an import of this directory was begun."""
        query = select(imports.c.id).where(imports.c.root == to_column(root)).limit(1)
        return self._connection.execute(query).scalar() is not None

    def files_of(self, root: str) -> Iterator[tuple[str, str]]:
        """Path and source of the files that imports of this directory read last, streamed."""
        query = (
            select(import_directories.c.path, import_files.c.name, import_files.c.source)
            .join_from(import_files, import_directories)
            .join(imports)
            .where(imports.c.root == to_column(root))
        )
        for folder, name, source in self._connection.execute(query, execution_options=STREAMED):
            yield from_column(f"{folder}/{name}" if folder else name), source

    def last_finished_at_ms(self) -> int | None:
        """When the last import ended, of whatever directory; None if none did."""
        query = select(func.max(imports.c.finished_at_ms))
        found: int | None = self._connection.execute(query).scalar()
        return found

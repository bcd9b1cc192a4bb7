"""The ledger of imports: every file that was read and every copy of a run found in it.

Resume, report, verification and ``runs show --origin`` all read it. It is slim by design:
directories are stored once, hashes are compared instead of texts, and a copy is one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from tandem_store import schema
from tandem_store.bulk import insert_rows
from tandem_store.mapping import from_column, to_column
from tandem_store.schema import import_directories, import_entries, import_files, imports

#: How many ids are named in one statement.
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one state directory."""

    id: int
    root: str
    state: str
    strict: bool


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that an import has read before, as it was then."""

    id: int
    size: int
    mtime_ns: int
    import_id: int
    root: str
    digest: bytes
    complete: bool
    finished: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One copy as the ledger remembers it. ``path`` is relative to the state root."""

    id: int
    import_id: int
    seen_import_id: int
    file_id: int
    source: str
    path: str
    mtime_ns: int
    start: int | None
    value: int | None
    stop: int | None
    key: str | None
    run_id: str | None
    digest: bytes
    month: int | None
    kind: int | None
    tenant: bytes
    automation: bytes
    updated_at_ms: int
    outputs: int
    parts: int
    outcome: str | None
    reason: str
    revision: int | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many copies of one source and month had one outcome in one import."""

    source: str
    import_id: int
    outcome: str | None
    month: int | None
    copies: int


class Ledger:
    """The ledger on an open connection; never commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def unfinished(self) -> list[Import]:
        """The imports that were begun and not ended, the oldest first."""
        rows = self._connection.execute(
            _IMPORTS.where(imports.c.state != "done").order_by(imports.c.id)
        )
        return [Import(row.id, from_column(row.root), row.state, row.strict) for row in rows]

    def move(self, import_id: int, root: str) -> None:
        """Note that the directory of an import is somewhere else now."""
        self._connection.execute(
            update(imports).where(imports.c.id == import_id).values(root=to_column(root))
        )

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

    def files_in(self, directory: str) -> dict[str, KnownFile]:
        """The known files of one directory by name."""
        rows = self._connection.execute(_FILES, {"path": to_column(directory)})
        return {from_column(row.name): _known_file(row) for row in rows}

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
        """Forget the copies that this import found in a file that has changed since.

        What was stored already stays in place; what was not judged yet never will be.
        """
        mine = (import_entries.c.file_id == file_id) & (import_entries.c.import_id == import_id)
        changed = update(import_entries).where(mine)
        self._connection.execute(changed.values(seen_import_id=0))
        self._connection.execute(
            changed.where(import_entries.c.outcome.is_(None)).values(
                outcome="superseded", reason="source_changed", kind=None
            )
        )

    def retire_entry(self, entry_id: int) -> None:
        """Forget a copy that is not where it was read."""
        self._connection.execute(
            update(import_entries)
            .where(import_entries.c.id == entry_id)
            .values(outcome="superseded", reason="source_changed", kind=None, seen_import_id=0)
        )

    def open_files(self, import_id: int) -> list[int]:
        """The files with copies that the import has not judged yet."""
        entry = import_entries.c
        query = select(entry.file_id).where(entry.import_id == import_id, entry.outcome.is_(None))
        return list(self._connection.execute(query.distinct()).scalars())

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
                    import_entries.c.reason.is_distinct_from("source_changed"),
                )
            )
        )

    def saw_again(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note where known copies stand now; rows of ``entry_id``, place and ``seen_import_id``."""
        if rows:
            self._connection.execute(
                update(import_entries).where(import_entries.c.id == bindparam("entry_id")), rows
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
            for row in self._connection.execute(_ENTRIES.where(named)):
                yield _entry(row)

    def entry(self, entry_id: int) -> Entry:
        """One copy."""
        row = self._connection.execute(_ENTRIES.where(import_entries.c.id == entry_id)).one()
        return _entry(row)

    def replace_entry(self, entry_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put what a second look found in the place of a copy that could not be read."""
        self.add_entries(rows)
        self._connection.execute(
            update(import_entries).where(import_entries.c.id == entry_id).values(seen_import_id=0)
        )

    def entries_at(self, path: str) -> list[Entry]:
        """The copies that a file held when it was last read."""
        directory, _, name = path.rpartition("/")
        rows = self._connection.execute(
            _ENTRIES.where(
                import_directories.c.path == to_column(directory),
                import_files.c.name == to_column(name),
                import_entries.c.seen_import_id == import_files.c.import_id,
            ).order_by(import_entries.c.ordinal)
        )
        return [_entry(row) for row in rows]

    def decide(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write fates: rows of ``entry_id``, ``outcome``, ``reason`` and ``revision``."""
        if rows:
            self._connection.execute(
                update(import_entries).where(import_entries.c.id == bindparam("entry_id")), rows
            )

    def tallies(self, file_ids: Sequence[int]) -> Iterator[Tally]:
        """The copies that files held when they were last read, counted by outcome and month."""
        entry = import_entries.c
        counted = (
            select(import_files.c.source, entry.import_id, entry.outcome, entry.month, func.count())
            .join_from(import_files, import_entries)
            .where(entry.seen_import_id == import_files.c.import_id)
            .group_by(import_files.c.source, entry.import_id, entry.outcome, entry.month)
        )
        for first in range(0, len(file_ids), BATCH):
            batch = import_files.c.id.in_(file_ids[first : first + BATCH])
            yield from (Tally(*row) for row in self._connection.execute(counted.where(batch)))

    def notable(self, file_ids: Sequence[int]) -> Iterator[tuple[str, str]]:
        """Run id and reason of the winners in these files that are not simply a whole copy."""
        entry = import_entries.c
        named = select(entry.run_id, entry.reason).where(
            entry.outcome.in_(["imported", "restored_from"]), entry.reason.is_not(None)
        )
        for first in range(0, len(file_ids), BATCH):
            batch = entry.file_id.in_(file_ids[first : first + BATCH])
            for run_id, reason in self._connection.execute(named.where(batch)):
                yield from_column(run_id), reason

    def origins(self, run_id: str) -> list[Entry]:
        """Every copy of a run that was ever read, the oldest import first."""
        return sorted(self.entries_of_runs([to_column(run_id)]), key=lambda entry: entry.id)

    def unsettled(self) -> int:
        """How many runs wait for the end of an interrupted import."""
        return self._connection.execute(
            select(func.count(import_entries.c.run_id.distinct())).where(
                import_entries.c.outcome.is_(None)
            )
        ).scalar_one()

    def is_interrupted(self) -> bool:
        """Whether an import was begun and not ended."""
        return (
            self._connection.execute(
                select(imports.c.id).where(imports.c.state != "done").limit(1)
            ).scalar()
            is not None
        )


_IMPORTS: Final = select(imports.c.id, imports.c.root, imports.c.state, imports.c.strict)

_FILES: Final = (
    select(
        import_files.c.name,
        import_files.c.id,
        import_files.c.size,
        import_files.c.mtime_ns,
        import_files.c.import_id,
        imports.c.root,
        import_files.c.digest,
        import_files.c.complete,
        imports.c.state,
    )
    .join_from(import_directories, import_files)
    .join(imports, imports.c.id == import_files.c.import_id)
    .where(import_directories.c.path == bindparam("path"))
)

_ENTRIES: Final[Select[Any]] = (
    select(
        *schema.import_entries.c,
        import_files.c.source,
        import_files.c.mtime_ns,
        import_files.c.name,
        import_directories.c.path,
    )
    .join_from(import_entries, import_files)
    .join(import_directories)
)


def _known_file(row: Any) -> KnownFile:
    return KnownFile(
        id=row.id,
        size=row.size,
        mtime_ns=row.mtime_ns,
        import_id=row.import_id,
        root=from_column(row.root),
        digest=bytes(row.digest),
        complete=row.complete,
        finished=row.state == "done",
    )


def _entry(row: Row[Any]) -> Entry:
    path = f"{row.path}/{row.name}" if row.path else row.name
    return Entry(
        id=row.id,
        import_id=row.import_id,
        seen_import_id=row.seen_import_id,
        file_id=row.file_id,
        source=row.source,
        path=from_column(path),
        mtime_ns=row.mtime_ns,
        start=row.start,
        value=row.value,
        stop=row.stop,
        key=None if row.key is None else from_column(row.key),
        run_id=None if row.run_id is None else from_column(row.run_id),
        digest=bytes(row.digest),
        month=row.month,
        kind=row.kind,
        tenant=bytes(row.tenant or b""),
        automation=bytes(row.automation or b""),
        updated_at_ms=row.updated_at_ms or 0,
        outputs=row.outputs or 0,
        parts=row.parts or 0,
        outcome=row.outcome,
        reason=row.reason or "",
        revision=row.revision,
    )

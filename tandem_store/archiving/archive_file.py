"""The file that a month goes into: a store of its own with that month, which is only read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, ColumnElement, Connection, Select, Table, func, literal, or_, select

from tandem_store import archives, tables
from tandem_store.archives import ArchiveOrigin
from tandem_store.archiving.content import Content, Count, digest_of
from tandem_store.batches import batched
from tandem_store.clock import now_ms
from tandem_store.column_types import MonthKey
from tandem_store.copying import parts
from tandem_store.copying.parts import DEFAULT_BATCH, StorePart
from tandem_store.database import partitions, revisions, urls, version_table
from tandem_store.database.portable_files import convert_to_single_file, first_damage
from tandem_store.database.sqlite_files import PAGE_SIZE, create
from tandem_store.errors import NotAStoreError, SchemaBehindError, StoreError
from tandem_store.month import Month
from tandem_store.release import installed_release
from tandem_store.store import open_any_revision
from tandem_store.tables import stored_table

#: What the names of archives end with.
SUFFIX: Final = ".tandem"
#: Bytes of documents up to which an archive has small pages, and the bytes of such a page.
_FEW: Final = 4_000_000
_SMALL_PAGE: Final = 4_096
#: How many ids are asked for in one statement.
_BATCH: Final = 500


def name_of(month: Month) -> str:
    """Return the name of a month's archive."""
    return f"{month.label}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class MonthSource:
    """A month of a store, as one transaction sees it."""

    connection: Connection
    month: Month
    #: The store, without a password, for the archive to name.
    store: str

    def write(self, path: Path, count: Count) -> ArchiveOrigin:
        """Write the month into a new file, read it back, and return what it says of itself.

        Raises ``NotAStoreError`` if a run of the month is damaged, or the file reads back as
        something else.
        """
        content = Content.of_month(self.connection, self.month)
        digest = digest_of(self.connection, content, count, check=False)
        origin = ArchiveOrigin(
            month=self.month,
            store=self.store,
            digest=digest,
            runs=len(content.run_ids),
            quarantined=len(content.item_ids),
            made_at_ms=now_ms(),
            tool_version=installed_release(),
        )
        create(path, page_size=self._page_size())
        revisions.upgrade(str(path))
        with open_any_revision(str(path)) as store, store.begin() as tx:
            tx.months.ensure([self.month])
            self._fill(tx.connection, count)
            archives.set_origin(tx.connection, origin)
        convert_to_single_file(path)
        verify(path, count)
        return origin

    def _page_size(self) -> int:
        """Return the bytes of a page: few for a month with few documents.

        Every table and every index of a store has a page, so a file with none of ours has 850 KB
        with the pages of a store.
        """
        documents = partitions.document_table(self.connection, self.month).c
        size = select(func.sum(func.length(documents.document)))
        held = self.connection.scalar(size.where(documents.month == self.month))
        return _SMALL_PAGE if (held or 0) < _FEW else PAGE_SIZE

    def _fill(self, target: Connection, count: Count) -> None:
        for part in self._before_runs():
            self._copy(part, part, target)
        ours = parts.of_month(self.connection, self.month)
        count(self._copy(ours, parts.of_month(target, self.month), target))
        for part in self._quarantine():
            self._copy(part, part, target)

    def _copy(self, ours: StorePart, theirs: StorePart, target: Connection) -> int:
        copied = 0
        for rows in parts.batches(self.connection, ours, None, DEFAULT_BATCH):
            parts.insert(target, theirs, rows)
            copied += len(rows)
        return copied

    def _before_runs(self) -> Iterator[StorePart]:
        """Yield what the runs need: snapshots and dictionaries."""
        month = literal(self.month, MonthKey())
        needed = select(tables.runs.c.snapshot_id).where(tables.runs.c.month == month)
        yield _chosen(tables.automation_snapshots, "id", needed)
        listed = tables.month_dictionaries.c
        used = select(listed.dictionary_id).where(listed.month == month)
        yield _chosen(tables.dictionaries, "id", used)
        yield _chosen(tables.month_dictionaries, "month", select(month))

    def _quarantine(self) -> Iterator[StorePart]:
        """Yield the quarantined items of the month, behind what they refer to in the ledger."""
        entry, item, file = (
            tables.import_entries.c,
            tables.quarantine.c,
            tables.import_files.c,
        )
        entries = (
            select(entry.id)
            .join_from(tables.quarantine, tables.import_entries)
            .where(entry.month == literal(self.month, MonthKey()))
        )
        files = select(entry.file_id).where(entry.id.in_(entries))
        read_by = (
            select(item.import_id).where(item.entry_id.in_(entries)),
            select(entry.import_id).where(entry.id.in_(entries)),
            select(file.import_id).where(file.id.in_(files)),
        )
        directories = select(file.directory_id).where(file.id.in_(files))
        yield _chosen(tables.imports, "id", *read_by)
        yield _chosen(tables.import_directories, "id", directories)
        yield _chosen(tables.import_files, "id", files)
        yield _chosen(tables.import_entries, "id", entries)
        yield _chosen(tables.quarantine, "entry_id", entries)


def _chosen(table: Table, name: str, *wanted: Select[Any]) -> StorePart:
    """Return the rows of a table that have one of the ``wanted`` values in a column."""
    part = parts.of_table(stored_table(table))
    column: ColumnElement[Any] = part.tables[0].c[name]
    chosen = part.rows.where(or_(*(column.in_(one) for one in wanted)))
    return StorePart(part.name, part.tables, part.key, chosen)


@contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """Open an archive for reading, whatever its revision."""
    with open_any_revision(str(path)) as store, store.read() as tx:
        yield tx.connection


@contextmanager
def at_head(path: Path) -> Iterator[Path]:
    """Yield the archive, or, if it is of an older revision, a copy of it that was upgraded.

    Raises ``StoreError`` if there is no file.
    """
    if not path.is_file():
        raise StoreError(
            f"There is no archive {path}. See where each was written with: tandem-store months list"
        )
    with _named(path):
        found = _revision(path)
    if found is None:
        raise not_an_archive(path)
    if found == revisions.HEAD:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tandem-store-") as room:
        copy = Path(room) / path.name
        shutil.copy2(path, copy)
        revisions.upgrade(str(copy))
        yield copy


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name an archive that is damaged: what the database says could as well be about the store."""
    try:
        yield
    except NotAStoreError as error:
        raise NotAStoreError(f"The archive {path} cannot be read. {error}") from error


def _revision(path: Path) -> str | None:
    """Return the revision of an archive; None if the file is something else."""
    with open_any_revision(str(path)) as store, store.read() as tx:
        found = version_table.read(tx.connection)
        version_table.refuse_copying_mark(found)
        try:
            revisions.refuse_unless_current(tx.connection)
        except SchemaBehindError as error:
            return error.found
        return found if archives.is_archive(tx.connection) else None


def verify(path: Path, count: Count) -> ArchiveOrigin:
    """Read all of an archive at the present revision, and return what it says of itself.

    Raises ``NotAStoreError`` if it is damaged, was altered, or is not the archive of a month.
    """
    with _named(path):
        wrong = first_damage(path)
    if wrong:
        raise NotAStoreError(f"{path} is damaged: {wrong}. Use another copy of the file.")
    with opened(path) as connection:
        origin = archives.origin_of(connection)
        if origin is None:
            raise not_an_archive(path)
        content = Content.of_archive(connection)
        found = digest_of(connection, content, count, check=True)
    if found != origin.digest or len(content.run_ids) != origin.runs:
        raise NotAStoreError(
            f"{path} is not as it was when it was made: its runs or quarantined items were "
            "altered. Use another copy of the file."
        )
    return origin


def adds_nothing(path: Path, connection: Connection, *, store: str) -> bool:
    """Whether a file is an archive of the store by the name ``store``, which has all of its runs.

    Also for an empty file, which is how a file system without hard links keeps a name.
    """
    try:
        if path.is_file() and not path.stat().st_size:
            return True
        with opened(path) as archive:
            origin = archives.origin_of(archive)
            theirs = revisions_of(archive)
    except StoreError:
        return False
    ours = revisions_of(connection, theirs)
    is_there = all(ours.get(run_id, 0) >= revision for run_id, revision in theirs.items())
    return origin is not None and origin.store == store and is_there


def revisions_of(connection: Connection, run_ids: Iterable[str] | None = None) -> dict[str, int]:
    """Return the revisions of those of the runs that a database has; by default of all."""
    query = select(tables.runs.c.run_id, tables.runs.c.revision)
    if run_ids is None:
        return {row.run_id: row.revision for row in connection.execute(query)}
    found: dict[str, int] = {}
    for batch in batched(run_ids, _BATCH):
        rows = connection.execute(query.where(tables.runs.c.run_id.in_(batch)))
        found |= {row.run_id: row.revision for row in rows}
    return found


def make_folder(folder: Path) -> None:
    """Make the folder for an archive; raises ``StoreError`` if its name is that of a file."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file. Name a folder for the archive.")
    folder.mkdir(parents=True, exist_ok=True)


def refuse_name(path: Path) -> StoreError:
    """Return the error for an archive whose name another file has."""
    return StoreError(
        f"{path} is there already, and is never written over. Name another folder; or remove the "
        "file, if it is an archive that was attached and a backup has the month."
    )


def not_an_archive(path: Path) -> NotAStoreError:
    """Return the error for a store that is no archive."""
    return NotAStoreError(
        f"{path} is a store, but not the archive of a month: months detach writes those."
    )


def store_name(url: URL) -> str:
    """Return the name of a store for its archives: its URL without a password."""
    return urls.shown(url)

"""One moment of a store as a portable SQLite file, compared with the store before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Column, Connection, MetaData, Table, func, inspect, select
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import DBAPIError

from tandem_store import tables
from tandem_store.atomic_file import refuse_unless_room
from tandem_store.backup.report import Content
from tandem_store.clock import now_ms
from tandem_store.copying import copy_store, parts
from tandem_store.copying.comparison import row_sum
from tandem_store.copying.parts import DEFAULT_BATCH
from tandem_store.copying.report import RowSum
from tandem_store.copying.source import detached_months
from tandem_store.database import portable_files, revisions
from tandem_store.database.error_translation import because
from tandem_store.database.portable_files import convert_to_single_file, copy_pages, page_bytes
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.errors import NotAStoreError, SchemaBehindError, StoreError
from tandem_store.month import Month
from tandem_store.progress import Progress
from tandem_store.store import open_any_revision, open_store

_NO_BACKUP: Final = "The store is damaged, so no backup was made of it"
_DAMAGED: Final = (
    f"{_NO_BACKUP}; earlier ones are as they were. "
    "See what is wrong with: tandem-store doctor --deep"
)


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """What was taken, and when, in milliseconds since 1970."""

    content: Content
    at_ms: int


def take(url: URL, target: Path, progress: Progress) -> StoreSnapshot:
    """Write the store as it is at one moment into the file ``target``, which is not there yet.

    An SQLite file of an older revision is taken as it is.

    Raises:
        StoreError: there is no store, it is damaged, or the disk is full.
        SchemaBehindError: a PostgreSQL store must be upgraded first.
    """
    target.touch(mode=0o600)
    at_ms = now_ms()
    taken = _from_file if sqlite_path(url) is not None else _from_server
    try:
        content = taken(url, target, progress)
    except DBAPIError as error:
        raise _damaged(error.orig) from error
    except NotAStoreError as error:
        # With a cause it is a failure of the database, such as a table that is gone.
        if error.__cause__ is None or str(error).startswith(_NO_BACKUP):
            raise
        raise _damaged(error.__cause__) from error
    convert_to_single_file(target)
    progress("checking", 0, 1)
    if wrong := portable_files.first_damage(target):
        raise _damaged(wrong)
    with _reading(database_url(str(target))) as copy:
        if missing := _lost_documents(copy):
            raise _damaged(missing)
    progress("checking", 1, 1)
    return StoreSnapshot(content, at_ms)


def _damaged(why: object) -> NotAStoreError:
    return NotAStoreError(because(_DAMAGED, str(why)))


def _lost_documents(copy: Connection) -> str | None:
    """Return a sentence on the first month that lacks documents of its runs, or None.

    The comparison cannot find this: what the store had lost before is missing on both sides.
    """
    documents = content_of("", row_counts(copy)).months
    runs, months = tables.runs.c, tables.months.c
    attached = (
        select(runs.month, func.count())
        .join(tables.months, months.month == runs.month)
        .where(months.state == "attached")
        .group_by(runs.month)
        .order_by(runs.month)
    )
    for month, count in copy.execute(attached):
        if (found := documents.get(month, 0)) != count:
            return f"month {month.label}: runs {count:,}, documents {found:,}"
    return None


def _from_server(url: URL, target: Path, progress: Progress) -> Content:
    with open_store(url) as store, store.read() as tx:
        # A lower bound, without indexes and the ledger. A table's own size would be too much,
        # because it counts the space that updates left behind.
        refuse_unless_room(target.parent, sum(month.bytes for month in tx.months.list()))
    report = copy_store(url, str(target), progress=progress)
    if report.differences:
        raise _differs([one.what for one in report.differences])
    return Content(revisions.HEAD, report.tables, report.months, tuple(report.left_behind))


def _from_file(url: URL, target: Path, progress: Progress) -> Content:
    with _reading(url) as source:
        revision = readable_revision(source)
        refuse_unless_room(target.parent, page_bytes(source))
        copy_pages(source, target, partial(progress, "backing up"))
        with _reading(database_url(str(target))) as copy:
            found = _compared(source, copy, progress)
            left_behind = tuple(detached_months(copy))
    return replace(content_of(revision, found), left_behind=left_behind)


@contextmanager
def _reading(url: URL) -> Iterator[Connection]:
    with open_any_revision(url) as store, store.read() as tx:
        yield tx.connection


def readable_revision(connection: Connection) -> str:
    """Return the revision of a store that this version can read or upgrade.

    Raises ``SchemaAheadError``, ``NotAStoreError``, ``UnfinishedCopyError``; ``SchemaBehindError``
    if the database has no tables.
    """
    try:
        revisions.refuse_unless_current(connection)
    except SchemaBehindError as error:
        if error.found is None:
            raise
        return error.found
    return revisions.HEAD


def content_of(revision: str, rows: dict[str, int]) -> Content:
    """Return what a store holds, from the number of rows of every table of an SQLite file.

    Raises ``NotAStoreError`` if one is missing that every store has.
    """
    names = {name for name in rows if tables.MONTH_TABLE.fullmatch(name)}
    parent = tables.run_documents.name
    if missing := {parent, tables.runs.name} - rows.keys():
        raise _damaged(f"no table {', '.join(sorted(missing))}")
    months = {
        Month.parse(name.removeprefix(f"{parent}_").replace("_", "-")): rows[name]
        for name in sorted(names)
    }
    counted = {name: rows[name] for name in sorted(rows.keys() - names)}
    counted[parent] += sum(months.values())
    return Content(revision, counted, months)


def row_counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of every table of an SQLite file, whatever its revision."""
    names = inspect(connection).get_table_names()
    return {
        name: connection.execute(
            select(func.count()).select_from(Table(name, MetaData()))
        ).scalar_one()
        for name in names
    }


def _compared(source: Connection, copy: Connection, progress: Progress) -> dict[str, int]:
    """Read both from end to end; returns the number of rows of each table."""
    ours, theirs = _tables(source), _tables(copy)
    count = _counter(progress, 2 * sum(row_counts(source).values()))
    found = [
        (table.name, _row_sum(source, table, count), _row_sum(copy, table, count)) for table in ours
    ]
    different = [name for name, wanted, got in found if wanted != got]
    if different or len(ours) != len(theirs):
        raise _differs(different)
    return {name: wanted.rows for name, wanted, _ in found}


def _counter(progress: Progress, total: int) -> Callable[[int], None]:
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        progress("comparing", done, total)

    return count


def _row_sum(connection: Connection, table: Table, count: Callable[[int], None]) -> RowSum:
    return row_sum(connection, parts.of_table(table), DEFAULT_BATCH, count)


def _tables(connection: Connection) -> list[Table]:
    """Return every table of an SQLite file as it is, because its revision may be an older one."""
    found = inspect(connection)
    return [_table(name, found.get_columns(name)) for name in found.get_table_names()]


def _table(name: str, columns: Sequence[ReflectedColumn]) -> Table:
    return Table(
        name,
        MetaData(),
        *(
            Column(column["name"], column["type"], primary_key=bool(column.get("primary_key")))
            for column in columns
        ),
    )


def _differs(what: Sequence[str]) -> StoreError:
    return StoreError(
        f"The backup is not the same as the store in {', '.join(what) or 'its tables'}, so it was "
        "removed. Check the store with: tandem-store doctor --deep"
    )

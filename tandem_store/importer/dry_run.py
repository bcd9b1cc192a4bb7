"""Where a dry run happens: in an SQLite file of its own that begins as the store is."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Select, Table, literal, select

from tandem_store import models
from tandem_store.column_types import MonthKey
from tandem_store.database import partitions, revisions
from tandem_store.database.bulk import insert_rows
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.importer.new_database import is_to_be_made
from tandem_store.models import stored_table
from tandem_store.month import Month
from tandem_store.store import ReadTransaction, Transaction, open_store

#: Rows that are in memory at a time; a document has been seen to weigh some megabytes.
_BATCH: Final = 50
#: Copied month by month.
_BY_MONTH: Final = {models.run_documents, models.months}


@contextmanager
def rehearsal(url: str | URL) -> Iterator[URL]:
    """A private copy of the store, or a place for a new one, that is gone afterwards.

    Only reads the store. It takes as much of the temporary folder as the store has rows.

    Raises what ``open_store`` raises for what is no store, or not at head.
    """
    target = database_url(url)
    path = sqlite_path(target)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "rehearsal.db"
        copy = URL.create("sqlite", database=str(scratch))
        if path is None:
            _copy_rows(target, copy)
        elif not is_to_be_made(target):
            open_store(target).close()  # refuses what is no store, or not at head
            _copy_file(path, scratch)
        yield copy


def _copy_file(path: Path, scratch: Path) -> None:
    # Not opened read-only: a reader would leave its shared memory beside the store.
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as source,
        closing(sqlite3.connect(scratch)) as copy,
    ):
        source.backup(copy)


def _copy_rows(target: URL, copy: URL) -> None:
    """Every row of a store on a server, as of one moment, in bounded memory."""
    with open_store(target) as store, store.read() as there:
        revisions.upgrade(copy)
        with open_store(copy) as scratch, scratch.begin() as here:
            for table in models.metadata.sorted_tables:
                if table not in _BY_MONTH:
                    _copy_table(there, here, _rows_of(stored_table(table)), table)
            for known in there.months.states():
                _copy_month(there, here, known.month, attached=known.state == "attached")


def _rows_of(table: Table) -> Select[Any]:
    # No import reads the bytes in quarantine, and one item may have 16 MiB of them.
    raw = stored_table(models.quarantine).c.raw
    return select(*(column for column in table.c if column is not raw))


def _copy_month(there: ReadTransaction, here: Transaction, month: Month, *, attached: bool) -> None:
    if not attached:
        _copy_table(there, here, _rows_of_month(models.months, month), models.months)
        return
    partitions.ensure(here.connection, [month])
    documents = partitions.document_table(there.connection, month)
    query = _rows_of_month(documents, month)
    _copy_table(there, here, query, partitions.document_table(here.connection, month))


def _rows_of_month(table: Table, month: Month) -> Select[Any]:
    stored = stored_table(table)
    return select(stored).where(stored.c.month == literal(month, MonthKey()))


def _copy_table(
    there: ReadTransaction, here: Transaction, query: Select[Any], table: Table
) -> None:
    rows = there.connection.execute(query, execution_options={"yield_per": _BATCH})
    found = map(dict[str, Any], rows.mappings())
    while batch := list(islice(found, _BATCH)):
        insert_rows(here.connection, stored_table(table), batch)

"""What is in a store, looked at by the ways that everybody has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import URL, Connection, func, make_url, select

from tandem_store import open_store, tables
from tandem_store.database.partitions import document_table
from tandem_store.database.urls import DEFAULT_SCHEMA
from tandem_store.dump import dump_lines
from tandem_store.month import Month
from tandem_store.records import RunFilter
from tests.support.legacy_runs import Json
from tests.support.tampering import tampering

_LEDGER = """
    SELECT d.path, f.name, f.source, e.key, e.run_id, e.outcome, e.reason
    FROM import_entries e
    JOIN import_files f ON f.id = e.file_id
    JOIN import_directories d ON d.id = f.directory_id
    ORDER BY d.path, f.name, e.ordinal
"""


class LedgerCopy(NamedTuple):
    """One copy of a run in the ledger."""

    directory: str
    name: str
    source: str
    key: str | None
    run_id: str | None
    outcome: str | None
    reason: str | None


def dump(url: str) -> bytes:
    """The bytes that two equal stores have in common."""
    return b"\n".join(dump_lines(url))


def stored_runs(url: str) -> dict[str, Json]:
    """Every stored run by its id, in the old spelling."""
    with open_store(url) as store, store.read() as tx:
        return {run.run_id: run.to_legacy() for run in tx.runs.iterate(RunFilter())}


def ledger(url: str) -> list[LedgerCopy]:
    """Every copy in the ledger, in the order of files and within each."""
    with bare_connection(url) as connection:
        return [LedgerCopy(*row) for row in connection.execute(_LEDGER)]


def scalar(url: str, query: str) -> Any:
    """The single value that a query returns."""
    with bare_connection(url) as connection:
        return connection.execute(query).fetchone()[0]


@contextmanager
def bare_connection(url: str) -> Iterator[Any]:
    """The database through its driver alone, to read from, without transactions."""
    connection = _connected(make_url(url))
    try:
        yield connection
    finally:
        connection.close()


def _connected(url: URL) -> Any:
    if url.get_backend_name() == "sqlite":
        return sqlite3.connect(f"file:{url.database}?mode=ro", uri=True)
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(server, autocommit=True, options=f"-c search_path={DEFAULT_SCHEMA}")


def all_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the documents, in the order of their keys."""
    with tampering(url) as connection:
        return {
            str(table.name): [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in tables.metadata.sorted_tables
            if table is not tables.run_documents
        }


def document_counts(connection: Connection, months: list[Month]) -> list[int]:
    """How many documents each month holds."""
    return [
        connection.execute(
            select(func.count())
            .select_from(table := document_table(connection, month))
            .where(table.c.month == month)
        ).scalar_one()
        for month in months
    ]

"""Ways to damage a store behind its back, each as it has been seen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Table, delete, insert, select, text, update

from tandem_store import tables
from tandem_store.database import partitions
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.month import Month
from tests.support.tampering import tampering

MAY = Month(2026, 5)
NEXT_YEAR_MS = 1_900_000_000_000


def documents(connection: Connection) -> Table:
    """The documents of May."""
    return partitions.document_table(connection, MAY)


def delete_document(url: str) -> None:
    """One document is gone."""
    with tampering(url, references=False) as connection:
        table = documents(connection)
        connection.execute(delete(table).where(table.c.run_id == "2026-05-07"))


def delete_row(url: str) -> None:
    """The row of a run is gone, its document is not."""
    with tampering(url, references=False) as connection:
        connection.execute(delete(tables.runs).where(tables.runs.c.run_id == "2026-05-07"))


def add_row(url: str) -> None:
    """There is a row without a document."""
    with tampering(url, references=False) as connection:
        found = connection.execute(
            select(tables.runs).where(tables.runs.c.run_id == "2026-05-07")
        ).mappings()
        connection.execute(insert(tables.runs).values({**found.one(), "run_id": "a-ghost"}))


def _swap(url: str, one: str, other: str) -> None:
    with tampering(url, references=False) as connection:
        table = documents(connection)
        held = {
            run_id: connection.execute(
                select(table.c.document).where(table.c.run_id == run_id)
            ).scalar_one()
            for run_id in (one, other)
        }
        for run_id, document in ((one, held[other]), (other, held[one])):
            connection.execute(
                update(table).where(table.c.run_id == run_id).values(document=document)
            )


def swap_documents(url: str) -> None:
    """Two runs that came equally far have each other's document."""
    _swap(url, "2026-05-01", "2026-05-04")


def swap_unlike_documents(url: str) -> None:
    """Two runs of which one came further have each other's document."""
    _swap(url, "2026-05-01", "2026-05-02")


def flip_column(url: str) -> None:
    """One column of a run says something else than was written."""
    with tampering(url, references=False) as connection:
        row = tables.runs.c.run_id == "2026-05-07"
        connection.execute(update(tables.runs).where(row).values(completed_nodes=9))


def flip_time(url: str) -> None:
    """A column that stands nowhere else says something else than was written."""
    with tampering(url, references=False) as connection:
        row = tables.runs.c.run_id == "2026-05-07"
        created = tables.runs.c.created_at_ms
        connection.execute(update(tables.runs).where(row).values(created_at_ms=created + 1))


def damage_document(url: str) -> None:
    """Some bytes in the middle of a document are others."""
    with tampering(url, references=False) as connection:
        table = documents(connection)
        row = table.c.run_id == "2026-05-07"
        document = bytes(connection.execute(select(table.c.document).where(row)).scalar_one())
        changed = document[:100] + b"\xff" * 8 + document[108:]
        connection.execute(update(table).where(row).values(document=changed))


def misplace_document(url: str) -> None:
    """A run moved to June, and its document did not."""
    with tampering(url, references=False) as connection:
        row = tables.runs.c.run_id == "2026-05-07"
        connection.execute(update(tables.runs).where(row).values(month=202606))


def delete_snapshot(url: str) -> None:
    """A snapshot that runs have is gone."""
    with tampering(url, references=False) as connection:
        connection.execute(
            delete(tables.automation_snapshots).where(tables.automation_snapshots.c.id == 1)
        )


def change_digest(url: str) -> None:
    """A snapshot has another digest than its content."""
    with tampering(url, references=False) as connection:
        table = tables.automation_snapshots
        connection.execute(update(table).where(table.c.id == 1).values(digest=b"\x00" * 32))


def damage_snapshot(url: str) -> None:
    """A snapshot cannot be decompressed."""
    with tampering(url, references=False) as connection:
        table = tables.automation_snapshots
        connection.execute(update(table).where(table.c.id == 1).values(document=b"\xff" * 50))


def damage_automation(url: str) -> None:
    """A definition cannot be decompressed."""
    with tampering(url, references=False) as connection:
        connection.execute(update(tables.automations).values(document=b"\xff" * 50))


def drop_month(url: str) -> None:
    """The table of a month is gone."""
    with tampering(url, references=False) as connection:
        connection.execute(text("DROP TABLE run_documents_2026_05"))


def forget_month(url: str) -> None:
    """The list of months lacks one."""
    with tampering(url) as connection:
        connection.execute(delete(tables.months).where(tables.months.c.month == MAY))


def detach_partition(url: str) -> None:
    """A partition is a table of its own."""
    with tampering(url, references=False) as connection:
        connection.execute(text("ALTER TABLE run_documents DETACH PARTITION run_documents_2026_05"))


def move_bounds(url: str) -> None:
    """A partition takes the documents of another month."""
    detach_partition(url)
    with tampering(url, references=False) as connection:
        connection.execute(text("TRUNCATE run_documents_2026_05"))
        connection.execute(
            text(
                "ALTER TABLE run_documents ATTACH PARTITION run_documents_2026_05 "
                "FOR VALUES FROM (202501) TO (202502)"
            )
        )


def alter_month(url: str) -> None:
    """The table of a month has a column more."""
    with tampering(url, references=False) as connection:
        table = "run_documents" if "postgresql" in url else "run_documents_2026_05"
        connection.execute(text(f"ALTER TABLE {table} ADD COLUMN colour TEXT"))


def fill_parent(url: str) -> None:
    """A document lies where nobody reads it."""
    with tampering(url, references=False) as connection:
        table = documents(connection)
        row = connection.execute(select(table).limit(1)).mappings().one()
        connection.execute(insert(tables.run_documents).values(dict(row)))


def set_clock_wrong(url: str) -> None:
    """A run ended years from now."""
    with tampering(url, references=False) as connection:
        row = tables.runs.c.run_id == "2026-05-07"
        connection.execute(update(tables.runs).where(row).values(finished_at_ms=NEXT_YEAR_MS))


def interrupt_import(url: str) -> None:
    """An import was read, and judged but for one run."""
    with tampering(url, references=False) as connection:
        connection.execute(update(tables.imports).values(state="settling", finished_at_ms=None))
        entries = tables.import_entries
        connection.execute(
            update(entries).where(entries.c.run_id == "2026-05-07").values(outcome=None)
        )


def add_foreign_table(url: str) -> None:
    """A table of somebody else."""
    with tampering(url, references=False) as connection:
        connection.execute(text("CREATE TABLE colours (id INTEGER PRIMARY KEY)"))


def drop_table(url: str) -> None:
    """A table is gone."""
    with tampering(url, references=False) as connection:
        connection.execute(text("DROP TABLE quarantine"))


def drop_index(url: str) -> None:
    """An index is gone."""
    with tampering(url, references=False) as connection:
        connection.execute(text("DROP INDEX ix_runs_created"))


def break_reference(url: str) -> None:
    """The ledger has a file of a directory that is not there."""
    with tampering(url, references=False) as connection:
        connection.execute(delete(tables.import_directories))


def hide_from_index(url: str) -> None:
    """An index does not have a run that the table has."""
    path = sqlite_path(database_url(url))
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        entry = connection.execute(
            "SELECT * FROM sqlite_master WHERE name = 'ix_runs_created'"
        ).fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_runs_created'")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET created_at_ms = 7 WHERE run_id = '2026-05-07'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", entry)


def overwrite_page(path: Path, number: int) -> None:
    """Write 0xff over one page, counted from 1; the last of the file if negative."""
    size = 16_384
    with path.open("r+b") as file:
        file.seek((number - 1) * size if number > 0 else path.stat().st_size + number * size)
        file.write(b"\xff" * size)


def root_page(url: str, name: str) -> int:
    """Where the tree of a table or an index of an SQLite file begins."""
    path = sqlite_path(database_url(url))
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name])
        page: int = row.fetchone()[0]
    return page


def overwrite(name: str):  # type: ignore[no-untyped-def]
    """Overwrites the first page of the tree of a table or an index."""

    def damage(url: str) -> None:
        path = sqlite_path(database_url(url))
        assert path is not None
        overwrite_page(path, root_page(url, name))

    return damage

"""A backup restores to the same store, from either database to either."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tandem_store import open_store
from tandem_store.backup import backup_store, restore_store
from tests.backup.contents import names, rows
from tests.support.databases import NewDatabase
from tests.support.run_records import new_run
from tests.support.stored import dump


@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_restores_to_the_same_store(
    full_url: str, new_database_on: NewDatabase, folder: Path, name: str, target: str
) -> None:
    """The same dump, and every row of every table: claims, ledger, quarantine, months."""
    expected, wanted = dump(full_url), rows(full_url)

    made = backup_store(full_url, folder / name)
    restored = new_database_on(target)
    report = restore_store(restored, folder / name)

    assert dump(restored) == expected
    assert rows(restored) == wanted
    assert names(folder) == [name]
    assert report.digest == made.digest
    assert report.content.runs == made.content.runs == len(wanted["runs"])
    assert report.content.tables["quarantine"] == len(wanted["quarantine"])
    assert report.sealed


def test_there_and_back_again(source_url: str, new_database_on: NewDatabase, folder: Path) -> None:
    """A store moves to PostgreSQL and back by backups alone."""
    expected = dump(source_url)
    backup_store(source_url, folder / "1.zst")
    server = new_database_on("postgresql")
    restore_store(server, folder / "1.zst")
    backup_store(server, folder / "2.db")
    back = new_database_on("sqlite")
    restore_store(back, folder / "2.db")

    assert dump(back) == dump(server) == expected


def test_an_empty_store_is_restored(
    store_url: str, new_database_on: NewDatabase, folder: Path
) -> None:
    """Nothing is something, too."""
    backup_store(store_url, folder / "b.zst")

    for kind in ("postgresql", "sqlite"):
        target = new_database_on(kind)
        assert restore_store(target, folder / "b.zst").content.runs == 0
        assert dump(target) == b""


def test_work_goes_on_in_the_restored_store(
    full_url: str, new_database_on: NewDatabase, folder: Path
) -> None:
    """It takes runs while others read it, as if it had never been away."""
    backup_store(full_url, folder / "b.db")
    target = new_database_on("sqlite")
    restore_store(target, folder / "b.db")

    with open_store(target) as store, store.read() as reading:
        before = reading.runs.count()
        with store.begin() as tx:
            tx.runs.add(new_run("new"))
        with store.read() as later:
            assert later.runs.count() == before + 1


def test_the_backup_is_one_file_that_sqlite_reads(full_url: str, folder: Path) -> None:
    """Also in a folder where nothing can be written beside it."""
    backup_store(full_url, folder / "b.db")

    uri = f"{(folder / 'b.db').as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("SELECT count(*) > 0 FROM runs").fetchone() == (1,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert names(folder) == ["b.db"]


def test_the_backup_can_be_looked_at_as_a_store(full_url: str, folder: Path) -> None:
    """Without restoring it, and it stays what it was."""
    backup_store(full_url, folder / "b.db")
    before = (folder / "b.db").read_bytes()

    assert dump(str(folder / "b.db")) == dump(full_url)

    assert (folder / "b.db").read_bytes() == before

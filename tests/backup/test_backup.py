"""What ``backup`` promises of the file, of its name, and of what is beside it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import URL, select, update

from tandem_store import (
    NotAStoreError,
    SchemaBehindError,
    StoreError,
    UnfinishedCopyError,
    open_store,
    tables,
)
from tandem_store.atomic_file import PREFIX
from tandem_store.backup import backup_store, restore_store
from tandem_store.database import partitions, version_table
from tandem_store.database.locks.files import file_lock
from tandem_store.database.urls import DEFAULT_SCHEMA, database_url, sqlite_path
from tests.backup.contents import names
from tests.copying.hard_cases import make_older
from tests.support.databases import file_of
from tests.support.migrating import downgrade
from tests.support.program import command
from tests.support.run_records import new_run
from tests.support.stored import dump
from tests.support.tampering import tampering


@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
def test_only_the_owner_can_read_it(store_url: str, folder: Path, name: str) -> None:
    """It holds what the store holds."""
    backup_store(store_url, folder / name)

    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


@pytest.mark.sqlite
@pytest.mark.parametrize("what", ["file", "link"])
def test_is_never_written_over_anything(store_url: str, folder: Path, what: str) -> None:
    """Not over a link that leads nowhere, either."""
    target = folder / "b.db"
    if what == "file":
        target.write_text("theirs")
    else:
        target.symlink_to("nowhere")

    done = command("--db", store_url, "backup", target)

    assert done.exit_code == 1
    assert "is there already" in done.stderr
    assert names(folder) == ["b.db"]
    assert target.is_symlink() if what == "link" else target.read_text() == "theirs"


@pytest.mark.sqlite
def test_a_file_that_appears_meanwhile_is_not_written_over(store_url: str, folder: Path) -> None:
    """The name is looked at again by what gives it."""

    def appear(phase: str, done: int, total: int) -> None:
        (folder / "b.db").write_text("theirs")

    with pytest.raises(StoreError, match="is there already"):
        backup_store(store_url, folder / "b.db", progress=appear)

    assert (folder / "b.db").read_text() == "theirs"
    assert names(folder) == ["b.db"]


@pytest.mark.sqlite
def test_works_without_hard_links(
    store_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems have none; nothing is written over there, either."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    backup_store(store_url, folder / "b.db")
    with pytest.raises(StoreError, match="is there already"):
        backup_store(store_url, folder / "c.db", progress=lambda *_: (folder / "c.db").touch())

    restore_store(str(folder / "new.db"), folder / "b.db")
    assert names(folder) == ["b.db", "c.db", "new.db"]


def test_is_known_to_the_store(store_url: str, folder: Path) -> None:
    """Where it is, what it holds and its digest, but in itself."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))

    report = backup_store(store_url, folder / "b.db.zst")

    digest = hashlib.sha256((folder / "b.db.zst").read_bytes())
    with open_store(store_url) as store, store.read() as tx:
        (row,) = tx.connection.execute(select(tables.backups)).all()
    assert (row.location, row.runs) == (str(folder / "b.db.zst"), 1)
    assert row.digest == digest.digest()
    assert report.digest == digest.hexdigest()
    assert row.taken_at_ms == report.at_ms
    assert report.size == (folder / "b.db.zst").stat().st_size
    restore_store(str(folder / "new.db"), folder / "b.db.zst")
    with open_store(str(folder / "new.db")) as store, store.read() as tx:
        assert tx.connection.execute(select(tables.backups)).all() == []


def test_makes_no_month(store_url: str, folder: Path) -> None:
    """A backup changes nothing in the store but the list of backups."""
    before = dump(store_url)
    backup_store(store_url, folder)

    with open_store(store_url) as store, store.read() as tx:
        assert tx.months.list() == ()
    assert dump(store_url) == before


@pytest.mark.postgresql
def test_a_store_that_cannot_be_written_to_is_backed_up(
    postgresql_user_url: URL, store_url: str, folder: Path
) -> None:
    """It is said that the store does not know of it, and no other backup is removed for it."""
    with tampering(store_url) as connection:
        connection.exec_driver_sql(
            f"REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {DEFAULT_SCHEMA} "
            f"FROM {postgresql_user_url.username}"
        )
    backup_store(store_url, folder)
    url = postgresql_user_url.render_as_string(hide_password=False)

    done = command("--db", url, "backup", folder, "--keep", "1")

    assert done.exit_code == 0, done.stderr
    assert "it could not be recorded in the store" in done.stderr
    assert len(names(folder)) == 2


def test_in_a_folder_it_is_called_after_store_and_moment(store_url: str, folder: Path) -> None:
    """Compressed, and two at one moment have two names."""
    first = backup_store(store_url, folder).file
    second = backup_store(store_url, f"{folder}/").file

    assert sorted([first.name, second.name]) == names(folder)
    path = sqlite_path(database_url(store_url))
    store = "test_" if path is None else f"{path.stem}-"
    assert first.name.startswith(store)
    assert first.name.endswith("Z.db.zst")
    assert first.name < second.name


@pytest.mark.sqlite
def test_a_folder_that_is_not_there_is_not_made(store_url: str, tmp_path: Path) -> None:
    """It may be a disk that is not mounted."""
    for target in (f"{tmp_path}/away/", tmp_path / "away" / "b.db"):
        with pytest.raises(StoreError, match="folder"):
            backup_store(store_url, target)

    assert not (tmp_path / "away").exists()


@pytest.mark.sqlite
def test_what_a_dead_process_left_is_removed(store_url: str, folder: Path) -> None:
    """What a living one is at work on stays."""
    dead, alive = folder / f"{PREFIX}dead", folder / f"{PREFIX}alive"
    for room in (dead, alive):
        room.mkdir()
        (room / "store.db").touch()
    with file_lock(alive / "lock", patience_s=0, busy="busy"):
        backup_store(store_url, folder / "b.db")

    assert names(folder) == [alive.name, "b.db"]
    assert names(alive) == ["lock", "store.db"]


def test_an_interrupted_one_leaves_nothing(full_url: str, folder: Path) -> None:
    """Ctrl-C at any phase."""
    for phase in ("comparing", "sealing", "compressing", "reading back"):

        def stop(now: str, done: int, total: int, phase: str = phase) -> None:
            if now == phase:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            backup_store(full_url, folder, progress=stop)
        assert names(folder) == []


def test_an_older_revision_is_backed_up_as_it_is(source_url: str, folder: Path) -> None:
    """One makes a backup before an upgrade, not after."""
    make_older(source_url)

    report = backup_store(source_url, folder / "b.zst")

    assert report.content.revision == "0002"
    assert report.not_recorded is not None
    assert "0002" in report.not_recorded


@pytest.mark.postgresql
def test_an_older_revision_on_postgresql_is_refused(store_url: str, folder: Path) -> None:
    """Rows are copied, which takes tables that this version knows."""
    downgrade(store_url)

    with pytest.raises(SchemaBehindError, match="pg_dump"):
        backup_store(store_url, folder / "b.db")

    assert names(folder) == []


def test_half_a_store_is_refused(store_url: str, folder: Path) -> None:
    """A copy into it was interrupted."""
    with tampering(store_url) as connection:
        mark = version_table.copying_mark("0003", "0" * 16)
        connection.execute(update(version_table.TABLE).values(version_num=mark))

    with pytest.raises(UnfinishedCopyError):
        backup_store(store_url, folder / "b.db")

    assert names(folder) == []


@pytest.mark.parametrize("content", [b"", b"not a database, " * 100])
def test_what_is_no_store_is_refused(tmp_path: Path, folder: Path, content: bytes) -> None:
    """A file that is missing, empty, or another program's."""
    path = tmp_path / "no-store.db"
    path.write_bytes(content)

    for url in (str(path), str(tmp_path / "typo.db")):
        with pytest.raises(StoreError):
            backup_store(url, folder / "b.db")

    assert names(folder) == []
    assert not (tmp_path / "typo.db").exists()


def test_a_damaged_store_is_refused(source_url: str, folder: Path) -> None:
    """A backup of damage would take the place of a good one."""
    path = file_of(source_url)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'run_documents_2026_05'"
        (page,) = connection.execute(query).fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 16_384)
        file.write(b"\xff" * 16_384)

    with pytest.raises(NotAStoreError, match=r"doctor --deep|damaged"):
        backup_store(source_url, folder / "b.db")

    assert names(folder) == []


@pytest.mark.parametrize("table", ["runs", "run_documents"])
def test_a_store_that_lacks_a_table_is_damaged(store_url: str, folder: Path, table: str) -> None:
    """Whoever dropped it; it is one sentence without SQL on either database."""
    if table == "run_documents":
        with open_store(store_url) as store, store.begin() as tx:
            tx.runs.add(new_run("r"))
    with tampering(store_url) as connection:
        cascade = "" if connection.dialect.name == "sqlite" else "CASCADE"
        connection.exec_driver_sql(f"DROP TABLE {table} {cascade}")

    done = command("--db", store_url, "backup", folder)

    assert done.exit_code == 1
    assert "The store is damaged, so no backup was made" in done.stderr
    assert "SELECT" not in done.stderr
    assert names(folder) == []


@pytest.mark.parametrize("drop", [True, False], ids=["table", "rows"])
def test_a_store_that_lacks_documents_is_damaged(store_url: str, folder: Path, drop: bool) -> None:
    """A comparison finds store and copy equal, because both lack them."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))
        table = partitions.table_name(tx.runs.list().items[0].month)
    with tampering(store_url) as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}" if drop else f"DELETE FROM {table}")

    done = command("--db", store_url, "backup", folder)

    assert done.exit_code == 1
    assert done.stderr.endswith("doctor --deep\n")
    assert names(folder) == []


def test_an_index_that_lacks_a_row_is_damage(source_url: str, folder: Path) -> None:
    """SQLite's own check is made as well, for what the rows do not show."""
    with sqlite3.connect(file_of(source_url)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'created_at_ms', 'updated_at_ms') "
            "WHERE name = 'ix_runs_created'"
        )
    connection.close()

    with pytest.raises(NotAStoreError, match="ix_runs_created"):
        backup_store(source_url, folder / "b.db")


def test_says_which_archives_are_not_in_it(full_url: str, folder: Path) -> None:
    """The runs of a detached month are in a file that must be kept, too."""
    done = command("--db", full_url, "backup", folder)

    assert done.exit_code == 0
    assert "Not included are the archives of detached months: 2020-01." in done.stdout

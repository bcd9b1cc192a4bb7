"""What ``restore`` takes, what it refuses, and that it never leaves half a store."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from backports import zstd
from sqlalchemy import update

from tandem_store import (
    NotAStoreError,
    SchemaAheadError,
    StoreError,
    UnfinishedCopyError,
    open_store,
)
from tandem_store.atomic_file import PREFIX
from tandem_store.backup import backup_store, restore_store
from tandem_store.database import revisions, version_table
from tests.backup.contents import names, rows
from tests.copying.hard_cases import make_older
from tests.support.databases import NewDatabase, copied_file, file_of
from tests.support.program import command
from tests.support.run_records import new_run
from tests.support.stored import dump
from tests.support.tampering import tampering

ZST = "b.db.zst"


@pytest.fixture(scope="session")
def backups(hard_cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup of the store with every hard case, raw and compressed."""
    made = tmp_path_factory.mktemp("backups")
    source = copied_file(hard_cases, made / "source.db")
    for name in ("b.db", ZST):
        backup_store(source, made / name)
    return made


@pytest.fixture(params=["b.db", ZST])
def backup(request: pytest.FixtureRequest, backups: Path, folder: Path) -> Path:
    """A backup of a store with every hard case, raw and compressed, the test's own."""
    return Path(shutil.copy2(backups / request.param, folder))


def refused(backup: Path, target: Path, kind: type[StoreError] = StoreError) -> str:
    """The sentence with which a restore is refused; the target is not there afterwards."""
    with pytest.raises(kind) as caught:
        restore_store(str(target), backup)
    assert not target.exists()
    assert [name for name in names(target.parent) if name.startswith((PREFIX, target.name))] == []
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.3, 0.5, 0.7, 0.99999])
def test_one_altered_byte_is_refused(backup: Path, tmp_path: Path, share: float) -> None:
    """Wherever it is: in a column, in the header, in a page that nobody uses."""
    data = bytearray(backup.read_bytes())
    data[int(share * len(data))] ^= 0x10
    backup.write_bytes(data)

    assert "backup" in refused(backup, tmp_path / "new.db", NotAStoreError)


def test_every_altered_byte_of_the_header_is_refused(source_url: str, tmp_path: Path) -> None:
    """It says how the file is read, and holds the checksum itself."""
    whole = backup_store(source_url, tmp_path / "b.db").file.read_bytes()
    altered = tmp_path / "altered.db"
    for place in range(100):
        altered.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(altered, tmp_path / "new.db", NotAStoreError)


@pytest.mark.parametrize("left", [0, 3, 50, 1_000, -20_000, -1])
def test_a_file_that_is_cut_off_is_refused(backup: Path, tmp_path: Path, left: int) -> None:
    """As a copy over a network may be."""
    backup.write_bytes(backup.read_bytes()[:left])

    assert "backup" in refused(backup, tmp_path / "new.db", NotAStoreError)


def test_bytes_behind_the_end_are_refused(backup: Path, tmp_path: Path) -> None:
    """They were not written by a backup."""
    backup.write_bytes(backup.read_bytes() + b"more")

    assert "damaged" in refused(backup, tmp_path / "new.db", NotAStoreError)


def test_the_content_decides_not_the_name(source_url: str, tmp_path: Path) -> None:
    """A file may have been renamed."""
    backup_store(source_url, tmp_path / "b.db.zst").file.rename(tmp_path / "b.db")
    backup_store(source_url, tmp_path / "c.db").file.rename(tmp_path / "c.zst")

    for name in ("b.db", "c.zst"):
        restore_store(str(tmp_path / f"new-{name}"), tmp_path / name)
        assert dump(str(tmp_path / f"new-{name}")) == dump(source_url)


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    """A text, another program's database, compressed or not, a folder, nothing."""
    text, other, packed = tmp_path / "text", tmp_path / "other.db", tmp_path / "packed.zst"
    text.write_text("Dear diary, " * 100)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()
    packed.write_bytes(zstd.compress(text.read_bytes()))

    assert "with: tandem-store backup FILE" in refused(text, tmp_path / "new.db", NotAStoreError)
    assert "another program" in refused(other, tmp_path / "new.db", NotAStoreError)
    assert str(other) in refused(other, tmp_path / "new.db", NotAStoreError)
    assert "is not a backup" in refused(packed, tmp_path / "new.db", NotAStoreError)
    assert "folder" in refused(tmp_path, tmp_path / "new.db")
    assert "not there" in refused(tmp_path / "typo", tmp_path / "new.db")


def test_a_few_bytes_that_stand_for_many_are_refused(tmp_path: Path) -> None:
    """More than the disk has is not begun."""
    compressor = zstd.ZstdCompressor()
    compressor.set_pledged_input_size(2**50)
    head = compressor.compress(bytes(1_000_000), mode=zstd.ZstdCompressor.FLUSH_BLOCK)
    (tmp_path / "b.zst").write_bytes(head)

    assert "are free" in refused(tmp_path / "b.zst", tmp_path / "new.db")


def test_a_store_that_is_there_is_never_written_over(backup: Path, store_url: str) -> None:
    """It stays as it is, on either database."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("theirs"))
    before = dump(store_url)

    done = command("--db", store_url, "restore", backup)

    assert done.exit_code == 1
    assert "new" in done.stderr
    assert dump(store_url) == before


def test_a_file_that_appears_meanwhile_is_not_written_over(backup: Path, tmp_path: Path) -> None:
    """The name is looked at again by what gives it."""
    target = tmp_path / "new.db"

    def appear(phase: str, done: int, total: int) -> None:
        target.write_text("theirs")

    with pytest.raises(StoreError, match="is there already"):
        restore_store(str(target), backup, progress=appear)

    assert target.read_text() == "theirs"


def test_an_empty_file_may_be_the_target(backup: Path, source_url: str, tmp_path: Path) -> None:
    """Something made its name beforehand; the store is its owner's alone all the same."""
    target = tmp_path / "new.db"
    target.touch(mode=0o644)

    restore_store(str(target), backup)

    assert dump(str(target)) == dump(source_url)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing", "link to an empty file"])
def test_what_is_no_file_is_no_target(source_url: str, tmp_path: Path, kind: str) -> None:
    """Nothing that has the name is removed for the store but an empty file."""
    backup_store(source_url, tmp_path / "b.db")
    target, other = tmp_path / "new.db", tmp_path / "other"
    if kind == "folder":
        target.mkdir()
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to(other)
    if kind == "link to an empty file":
        other.touch()
    before = target.lstat()

    with pytest.raises(StoreError, match=r"is there already|is a folder|is a device, a pipe"):
        restore_store(str(target), tmp_path / "b.db")

    assert target.lstat().st_ino == before.st_ino


def test_the_backup_itself_is_no_target(backup: Path) -> None:
    """By whatever path it is named."""
    before = backup.read_bytes()
    link = backup.with_name("link")
    link.symlink_to(backup)

    for one, other in ((backup, backup), (link, backup), (backup, link)):
        with pytest.raises(StoreError, match="the backup itself"):
            restore_store(str(other), one)

    assert backup.read_bytes() == before


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_what_is_left_of_another_database_is_in_the_way(
    backup: Path, tmp_path: Path, suffix: str
) -> None:
    """SQLite would write the log of a file that was removed into the restored one."""
    log = tmp_path / f"new.db{suffix}"
    log.write_bytes(b"log")

    with pytest.raises(StoreError, match="Move it away"):
        restore_store(str(tmp_path / "new.db"), backup)

    assert log.read_bytes() == b"log"
    assert not (tmp_path / "new.db").exists()


def test_a_store_in_use_is_no_backup(source_url: str, tmp_path: Path) -> None:
    """A part of it may be in its log."""
    with open_store(source_url) as store:
        with store.begin() as tx:
            tx.runs.add(new_run("new"))
        assert "tandem-store copy" in refused(file_of(source_url), tmp_path / "new.db")


def test_a_store_file_without_checksum_is_restored_and_said_so(
    source_url: str, tmp_path: Path
) -> None:
    """A copy that somebody made of a store at rest, and a backup that was used as a store."""
    backup_store(source_url, tmp_path / "used.db")
    with open_store(str(tmp_path / "used.db")) as store, store.begin() as tx:
        tx.runs.add(new_run("new"))

    for file in (file_of(source_url), tmp_path / "used.db"):
        target = tmp_path / f"new-{file.name}"
        done = command("--db", target, "restore", file)
        assert done.exit_code == 0, done.stderr
        assert "no valid checksum" in done.stdout
        assert dump(str(target)) == dump(str(file))


@pytest.mark.parametrize("name", ["b.db", ZST])
def test_an_older_backup_is_upgraded(
    source_url: str, target_url: str, folder: Path, name: str
) -> None:
    """In the store; the backup stays as it is."""
    expected = make_older(source_url)
    backup_store(source_url, folder / name)
    before = (folder / name).read_bytes()

    done = command("--db", target_url, "restore", folder / name)

    assert done.exit_code == 0, done.stderr
    assert "Upgraded from revision 0002" in done.stdout
    assert dump(target_url) == expected
    assert (folder / name).read_bytes() == before
    revisions.check(target_url)


def test_a_newer_backup_is_refused(source_url: str, folder: Path, tmp_path: Path) -> None:
    """By the command with exit code 5, and before anything is made."""
    with tampering(source_url) as connection:
        connection.execute(update(version_table.TABLE).values(version_num="9999"))

    refused(file_of(source_url), tmp_path / "new.db", SchemaAheadError)
    done = command("--db", tmp_path / "new.db", "restore", file_of(source_url))
    assert done.exit_code == 5


def test_restored_is_what_the_migrations_build(full_url: str, folder: Path, tmp_path: Path) -> None:
    """Nothing of the backup is left in the schema, on either way."""
    backup_store(full_url, folder / ZST)
    restore_store(str(tmp_path / "new.db"), folder / ZST)

    revisions.check(str(tmp_path / "new.db"))
    with sqlite3.connect(tmp_path / "new.db") as connection:
        pragmas = ("user_version", "page_size", "auto_vacuum", "application_id")
        found = [connection.execute(f"PRAGMA {one}").fetchone()[0] for one in pragmas]
    connection.close()
    assert found == [0, 16_384, 2, 0x5453746F]


class StoppedError(Exception):
    """Raised in the middle of a restore."""


@pytest.mark.parametrize("phase", ["unpacking", "checking"])
def test_stopped_there_is_no_file(backup: Path, tmp_path: Path, phase: str) -> None:
    """And the same call begins anew."""

    def stop(now: str, done: int, total: int) -> None:
        if now == phase:
            raise StoppedError

    with pytest.raises(StoppedError):
        restore_store(str(tmp_path / "new.db"), backup, progress=stop)

    assert not any(name.startswith((PREFIX, "new.db")) for name in names(tmp_path))
    restore_store(str(tmp_path / "new.db"), backup)


@pytest.mark.parametrize("phase", ["copying", "comparing"])
def test_stopped_a_server_stays_closed_and_the_same_call_goes_on(
    source_url: str, folder: Path, new_database_on: NewDatabase, phase: str
) -> None:
    """Half a store is never taken for a whole one."""
    backup_store(source_url, folder / ZST)
    target = new_database_on("postgresql")

    def stop(now: str, done: int, total: int) -> None:
        if now == phase and done:
            raise StoppedError

    with pytest.raises(StoppedError):
        restore_store(target, folder / ZST, progress=stop)
    with pytest.raises(UnfinishedCopyError, match="tandem-store restore"):
        open_store(target)

    restore_store(target, folder / ZST)
    assert dump(target) == dump(source_url)
    assert rows(target) == rows(source_url)

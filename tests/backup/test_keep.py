"""``--keep``: which backups of a folder go, and that nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tandem_store import StoreError
from tandem_store.backup import backup_store
from tandem_store.database.urls import database_url
from tests.backup.contents import names
from tests.support.program import command


def test_keeps_the_newest(store_url: str, folder: Path) -> None:
    """And says what it removed."""
    made = [backup_store(store_url, folder).file for _ in range(3)]

    report = backup_store(store_url, folder, keep=2)

    assert report.removed == [made[1], made[0]]
    assert names(folder) == [made[2].name, report.file.name]


@pytest.mark.sqlite
def test_touches_nothing_else(store_url: str, tmp_path: Path, folder: Path) -> None:
    """Not what was named by hand, nor another store's, nor what only looks like one of ours."""
    backup_store(store_url, folder / "by-hand.db.zst")
    other = tmp_path / "elsewhere" / "store.db"
    other.parent.mkdir()
    assert command("--db", other, "db", "upgrade").exit_code == 0
    theirs = backup_store(str(other), folder).file
    alike = folder / "store-20200101T000000000Z.db.zst"
    alike.write_text("theirs")
    ours = backup_store(store_url, folder).file

    report = backup_store(store_url, folder, keep=1)

    assert report.removed == [ours]
    assert names(folder) == sorted([alike.name, "by-hand.db.zst", theirs.name, report.file.name])


@pytest.mark.sqlite
def test_leaves_what_is_not_as_it_was_written(store_url: str, folder: Path) -> None:
    """A file of that name with another content is somebody's."""
    first = backup_store(store_url, folder).file
    with first.open("ab") as file:
        file.write(b"more")

    done = command("--db", store_url, "backup", folder, "--keep", "1")

    assert f"changed after it was made: {first}" in done.stdout
    assert first.exists()


@pytest.mark.sqlite
def test_removes_nothing_if_the_new_one_fails(store_url: str, folder: Path) -> None:
    """The old ones go after the new one was verified."""
    first = backup_store(store_url, folder).file

    def fail(phase: str, done: int, total: int) -> None:
        if phase == "reading back":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup_store(store_url, folder, keep=1, progress=fail)

    assert names(folder) == [first.name]


@pytest.mark.sqlite
def test_knows_them_when_the_folder_was_moved(store_url: str, folder: Path) -> None:
    """It may be mounted elsewhere today."""
    first = backup_store(store_url, folder).file
    moved = folder.rename(folder.with_name("moved"))

    assert backup_store(store_url, moved, keep=1).removed == [moved / first.name]


@pytest.mark.sqlite
def test_two_at_once_are_fine(store_url: str, folder: Path) -> None:
    """Each is made in a place of its own, and one removes what both may remove."""
    first = backup_store(store_url, folder).file
    inner: list[Path] = []

    def another(phase: str, done: int, total: int) -> None:
        if not inner:
            inner.append(folder)
            inner[0] = backup_store(store_url, folder, keep=2).file

    report = backup_store(store_url, folder, keep=2, progress=another)

    assert report.removed == [first]
    assert names(folder) == sorted([inner[0].name, report.file.name])


@pytest.mark.sqlite
def test_needs_a_folder(store_url: str, folder: Path) -> None:
    """Else it is a usage error, and no backup is made."""
    done = command("--db", store_url, "backup", folder / "b.db", "--keep", "2")

    assert done.exit_code == 2
    assert "--keep needs an existing folder" in done.stderr
    assert command("--db", store_url, "backup", folder, "--keep", "0").exit_code == 2
    for target, keep in ((folder / "b.db", 2), (folder, 0)):
        with pytest.raises(StoreError, match="keep needs a folder"):
            backup_store(store_url, target, keep=keep)
    assert names(folder) == []


@pytest.mark.postgresql
def test_the_name_is_the_servers_database(store_url: str, folder: Path) -> None:
    """So that several stores can share a folder."""
    name = database_url(store_url).database

    assert backup_store(store_url, os.fspath(folder)).file.name.startswith(f"{name}-")

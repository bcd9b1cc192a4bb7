"""A disk that is full, before or while a backup or a restore writes: a sentence, nothing left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem_store import StoreError
from tandem_store.backup import backup_store, restore_store
from tests.backup.contents import names
from tests.support.program import command
from tests.support.small_disks import mounted

#: Runs a command with a limit to the size of the files that it may write, in bytes.
LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from tandem_store.cli import main
main()
"""


@pytest.fixture
def no_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A disk that says that it has 1,000 bytes left."""
    full = shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)


@pytest.mark.usefixtures("no_space")
def test_what_cannot_fit_is_not_begun(full_url: str, folder: Path) -> None:
    """The sentence says how much it takes and how much there is."""
    with pytest.raises(StoreError, match=r"takes [\d,]+ bytes in .*, and 1,000 are free"):
        backup_store(full_url, folder / "b.db")

    assert names(folder) == []


def test_a_restore_that_cannot_fit_is_not_begun(
    source_url: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is the size that it has when it is decompressed."""
    file = backup_store(source_url, folder / "b.db.zst").file
    room = shutil.disk_usage(tmp_path)._replace(free=file.stat().st_size + 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)

    with pytest.raises(StoreError, match="are free"):
        restore_store(str(tmp_path / "new.db"), file)

    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("share", [0.3, 0.95])
@pytest.mark.parametrize("do", ["backup", "restore"])
def test_a_file_that_may_not_grow_is_a_sentence(
    source_url: str, folder: Path, share: float, do: str
) -> None:
    """As a quota does it."""
    size = backup_store(source_url, folder / "there.db").size
    words = {
        "backup": ["--db", source_url, "backup", f"{folder}/b.db"],
        "restore": ["--db", f"{folder}/new.db", "restore", f"{folder}/there.db"],
    }
    line = [sys.executable, "-c", LIMITED, str(int(share * size)), *words[do]]
    done = subprocess.run(line, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "disk" in done.stderr
    assert "defect" not in done.stderr
    assert names(folder) == ["there.db"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with mounted(tmp_path / "disk", "1m") as place:
        yield place


@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
def test_a_disk_that_gets_full_is_a_sentence(
    full_url: str, small_disk: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although there was room when it began."""
    before = shutil.disk_usage(small_disk)._replace(free=10**12)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: before)

    done = command("--db", full_url, "backup", small_disk / name)

    assert done.exit_code == 1
    assert f"The disk of {small_disk} is full, and nothing was left there" in done.stderr
    assert names(small_disk) == []

"""A backup that is killed leaves no file that looks whole, nor a restore a store."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tandem_store import StoreError, UnfinishedCopyError, migrate, open_store
from tandem_store.backup import backup_store, restore_store
from tandem_store.backup.workspace import PREFIX
from tandem_store.copying import copy_store
from tests.backup.looking import dump, names
from tests.copying.conftest import NewTarget

#: Does what a command does, and kills itself when it has been told of progress so often, or, told
#: nothing, as it is about to give the file its name, or has just done so.
SUICIDE: Final = """
import os, signal, sys
from tandem_store.backup import backup_store, restore_store
do, one, other, at = sys.argv[1:]
calls = 0
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def count(*_):
    global calls
    calls += 1
    if str(calls) == at:
        die()
link = os.link
if at == "before":
    os.link = die
if at == "after":
    os.link = lambda *both: (link(*both), die())
{"backup": backup_store, "restore": restore_store}[do](one, other, progress=count)
"""


def dies(do: str, one: str | Path, other: str | Path, at: str | int) -> bool:
    """Run it; whether it killed itself."""
    line = [sys.executable, "-c", SUICIDE, do, str(one), str(other), str(at)]
    code = subprocess.run(line, check=False).returncode
    assert code in {0, -signal.SIGKILL}
    return code != 0


@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
def test_killed_between_any_two_steps(full_url: str, folder: Path, name: str) -> None:
    """There is no file of that name; the next backup removes what is left, and succeeds."""
    for at in (1, 6, 21, 39, "before"):
        if not dies("backup", full_url, folder / name, at):
            break
        assert all(left.startswith(PREFIX) for left in names(folder))
        assert len(names(folder)) == 1

    if not (folder / name).exists():
        backup_store(full_url, folder / name)
    assert names(folder) == [name]
    restore_store(folder / name, str(folder / "new.db"))
    assert dump(str(folder / "new.db")) == dump(full_url)


def test_killed_when_it_has_its_name_it_is_whole(source_url: str, folder: Path) -> None:
    """The name comes last."""
    assert dies("backup", source_url, folder / "b.db", "after")

    restore_store(folder / "b.db", str(folder / "new.db"))
    assert dump(str(folder / "new.db")) == dump(source_url)


@pytest.mark.parametrize("at", [1, 2, "before", "after"])
def test_a_restore_that_was_killed_leaves_no_store(
    source_url: str, folder: Path, at: int | str
) -> None:
    """Or a whole one; the same call restores it else."""
    backup_store(source_url, folder / "b.db.zst")
    target = folder / "new.db"

    assert dies("restore", folder / "b.db.zst", target, at)

    assert target.exists() == (at == "after")
    if at != "after":
        restore_store(folder / "b.db.zst", str(target))
        assert not [left for left in names(folder) if left.startswith(PREFIX)]
    assert dump(str(target)) == dump(source_url)


def test_a_restore_into_a_server_that_was_killed_goes_on(
    source_url: str, folder: Path, new_target: NewTarget
) -> None:
    """Until then nobody gets in."""
    backup_store(source_url, folder / "b.db")
    target = new_target("postgresql")

    for at in (12, 30):
        assert dies("restore", folder / "b.db", target, at)
        with pytest.raises(UnfinishedCopyError):
            open_store(target)

    restore_store(folder / "b.db", target)
    assert dump(target) == dump(source_url)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
def test_killed_at_any_moment(
    source_url: str, new_target: NewTarget, folder: Path, kind: str, name: str
) -> None:
    """By the clock, 60 times: a file of that name restores to the whole store, always."""
    source = source_url
    if kind == "postgresql":
        source = new_target("postgresql")
        copy_store(source_url, source)
    expected, target, draw = dump(source), folder / name, random.Random(kind + name)
    line = [sys.executable, "-m", "tandem_store", "--db", source, "backup", str(target)]
    began = time.monotonic()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    takes, whole, none = time.monotonic() - began, 0, 0
    for _ in range(60):
        target.unlink(missing_ok=True)
        with subprocess.Popen(line, stdout=subprocess.DEVNULL) as process:
            time.sleep(draw.uniform(0.3, 1.1) * takes)
            process.send_signal(signal.SIGKILL)
        if not target.exists():
            none += 1
            continue
        whole += 1
        restored = folder / "new.db"
        restore_store(target, str(restored))
        assert dump(str(restored)) == expected
        restored.unlink()
    print(f"{kind}, {name}: killed {none} times before it had its name, {whole} times after")
    assert none
    target.unlink(missing_ok=True)
    backup_store(source, target)
    assert [left for left in names(folder) if left.startswith(PREFIX)] == []


def test_a_later_migration_of_a_killed_upgrade_backs_up_again(
    source_url: str, tmp_path: Path
) -> None:
    """A backup before an upgrade that was killed leaves the database as it was."""
    from tests.backup.looking import downgrade

    downgrade(source_url)
    line = (
        "import os, signal, sys\n"
        "os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from tandem_store.backup import upgrade_after_backup\n"
        "upgrade_after_backup(sys.argv[1])\n"
    )
    killed = subprocess.run([sys.executable, "-c", line, source_url], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert migrate.current(source_url) == "0002"
    with pytest.raises(StoreError):
        open_store(source_url)
    done = subprocess.run(
        [sys.executable, "-m", "tandem_store", "--db", source_url, "db", "upgrade"],
        env=dict(os.environ),
        capture_output=True,
        check=True,
        text=True,
    )
    assert ".before-0003-" in done.stdout
    assert not [left for left in names(tmp_path) if left.startswith(PREFIX)]

"""A backup that is killed leaves no file that looks whole, nor a restore a store."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tandem_store import UnfinishedCopyError, open_store
from tandem_store.atomic_file import PREFIX
from tandem_store.backup import backup_store, restore_store, upgrade_after_backup
from tandem_store.database import revisions
from tests.backup.contents import names
from tests.copying.hard_cases import make_older
from tests.support.databases import NewDatabase
from tests.support.stored import dump

#: Does what a command does, each time in a child of its own, which kills itself when it was told
#: of progress so often, or as it is about to give the file its name, or when it has just done so.
#: Tells of each whether it was killed, and what was left where the file should be.
SUICIDES: Final = """
import json, os, signal, sys
from pathlib import Path
import psycopg
from tandem_store.backup import backup_store, restore_store
do, one, other, *moments = sys.argv[1:]
link = os.link
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def child(at):
    calls = 0
    def count(*_):
        nonlocal calls
        calls += 1
        if str(calls) == at:
            die()
    if at == "before":
        os.link = die
    if at == "after":
        os.link = lambda *both: (link(*both), die())
    if do == "backup":
        backup_store(one, other, progress=count)
    else:
        restore_store(other, one, progress=count)
told = []
for at in moments:
    pid = os.fork()
    if not pid:
        child(at)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    folder = Path(other).parent
    left = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    told.append([os.WIFSIGNALED(status), left])
print(json.dumps(told))
"""


def killed(do: str, one: str | Path, other: str | Path, *moments: str | int) -> list[list[str]]:
    """Run it, killed each time at one of the moments; gives what was in the folder after each."""
    line = [sys.executable, "-c", SUICIDES, do, str(one), str(other), *map(str, moments)]
    told = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
    assert [was_killed for was_killed, _ in told] == [True] * len(moments)
    return [left for _, left in told]


@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
def test_killed_between_any_two_steps(full_url: str, folder: Path, name: str) -> None:
    """There is no file of that name; the next backup removes what is left, and succeeds."""
    for left in killed("backup", full_url, folder / name, 1, 9, 21, "before"):
        assert len(left) == 1
        assert left[0].startswith(PREFIX)

    backup_store(full_url, folder / name)
    assert names(folder) == [name]
    restore_store(str(folder / "new.db"), folder / name)
    assert dump(str(folder / "new.db")) == dump(full_url)


def test_killed_when_it_has_its_name_it_is_whole(source_url: str, folder: Path) -> None:
    """The name comes last."""
    killed("backup", source_url, folder / "b.db", "after")

    restore_store(str(folder / "new.db"), folder / "b.db")
    assert dump(str(folder / "new.db")) == dump(source_url)


def test_a_restore_that_was_killed_leaves_no_store(source_url: str, folder: Path) -> None:
    """Until it has its name; then it is whole. The same call restores it."""
    backup_store(source_url, folder / "b.db.zst")
    target = folder / "new.db"

    for left in killed("restore", folder / "b.db.zst", target, 1, 2, "before"):
        assert target.name not in left
    restore_store(str(target), folder / "b.db.zst")
    assert not [left for left in names(folder) if left.startswith(PREFIX)]
    assert dump(str(target)) == dump(source_url)

    killed("restore", folder / "b.db.zst", folder / "other.db", "after")
    assert dump(str(folder / "other.db")) == dump(source_url)


def test_a_restore_into_a_server_that_was_killed_goes_on(
    source_url: str, folder: Path, new_database_on: NewDatabase
) -> None:
    """Until then nobody gets in."""
    backup_store(source_url, folder / "b.db")
    target = new_database_on("postgresql")

    killed("restore", folder / "b.db", target, 12, 30)

    with pytest.raises(UnfinishedCopyError):
        open_store(target)
    restore_store(target, folder / "b.db")
    assert dump(target) == dump(source_url)


def test_an_upgrade_that_was_killed_at_its_backup_begins_again(
    source_url: str, tmp_path: Path
) -> None:
    """The database is as it was, and the next upgrade makes another backup."""
    make_older(source_url)
    line = (
        "import os, signal, sys\n"
        "os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from tandem_store.backup import upgrade_after_backup\n"
        "upgrade_after_backup(sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", line, source_url], check=False)

    assert done.returncode == -signal.SIGKILL
    assert revisions.current(source_url) == "0002"
    _, made = upgrade_after_backup(source_url)
    assert made is not None
    assert revisions.current(str(made.file)) == "0002"
    assert not [left for left in names(tmp_path) if left.startswith(PREFIX)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["b.db", "b.db.zst"])
def test_killed_at_any_moment(full_url: str, folder: Path, database: str, name: str) -> None:
    """By the clock, 60 times: a file of that name restores to the whole store, always."""
    source = full_url
    expected, target, draw = dump(source), folder / name, random.Random(database + name)
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
        restore_store(str(restored), target)
        assert dump(str(restored)) == expected
        restored.unlink()
    print(f"{database}, {name}: killed {none} times before it had its name, {whole} times after")
    assert none
    target.unlink(missing_ok=True)
    backup_store(source, target)
    assert [left for left in names(folder) if left.startswith(PREFIX)] == []

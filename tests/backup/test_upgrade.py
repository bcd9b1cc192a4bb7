"""``db upgrade`` backs an SQLite file up before it changes it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from tandem_store import SchemaBehindError, open_store, tables
from tandem_store.backup import restore_store
from tandem_store.database import revisions
from tests.copying.hard_cases import make_older
from tests.support.databases import file_of
from tests.support.migrating import downgrade
from tests.support.program import command
from tests.support.stored import dump


@pytest.fixture
def old_url(source_url: str) -> str:
    """A full store of the revision before."""
    make_older(source_url)
    return source_url


def saved(url: str) -> list[Path]:
    """The backups beside a store."""
    path = file_of(url)
    return sorted(path.parent.glob(f"{path.name}.before-*"))


def test_makes_a_backup_and_says_where(old_url: str, tmp_path: Path) -> None:
    """It holds the store as it was, and the store knows of it."""
    done = command("--db", old_url, "db", "upgrade")

    (file,) = saved(old_url)
    assert done.exit_code == 0, done.stderr
    assert f"Backed up the older revision to {file}" in done.stdout
    assert f"is now at revision {revisions.HEAD} (was: 0002)." in done.stdout
    assert revisions.current(str(file)) == "0002"
    with open_store(old_url) as store, store.read() as tx:
        (row,) = tx.connection.execute(select(tables.backups.c.location)).all()
    assert row.location == str(file)
    restore_store(str(tmp_path / "restored.db"), file)
    assert dump(str(tmp_path / "restored.db")) == dump(old_url)


def test_json_has_the_backup(old_url: str) -> None:
    """For scripts; null if there was none to make."""
    told = orjson.loads(command("--db", old_url, "db", "upgrade", "--json").stdout_bytes)
    again = orjson.loads(command("--db", old_url, "db", "upgrade", "--json").stdout_bytes)

    assert told["backup"] == str(saved(old_url)[0])
    assert again["backup"] is None


def test_can_be_left_out(old_url: str) -> None:
    """Where somebody made one already."""
    assert command("--db", old_url, "db", "upgrade", "--no-backup").exit_code == 0

    assert saved(old_url) == []
    assert revisions.current(old_url) == revisions.HEAD


@pytest.mark.sqlite
def test_what_is_new_or_at_head_needs_none(store_url: str, empty_url: str, tmp_path: Path) -> None:
    """There is nothing to lose."""
    for url in (store_url, f"sqlite:///{tmp_path / 'new.db'}"):
        assert command("--db", url, "db", "upgrade").exit_code == 0
        assert saved(url) == []


@pytest.mark.postgresql
def test_on_postgresql_there_is_none(store_url: str) -> None:
    """A server has tools of its own."""
    downgrade(store_url)

    told = orjson.loads(command("--db", store_url, "db", "upgrade", "--json").stdout_bytes)

    assert told == {"before": "0002", "revision": revisions.HEAD, "backup": None}


def test_the_upgrade_does_not_begin_without_its_backup(
    old_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database stays as it was, and the sentence says how to go on."""
    full = shutil.disk_usage(file_of(old_url).parent)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

    done = command("--db", old_url, "db", "upgrade")

    assert done.exit_code == 1
    assert "are free" in done.stderr
    assert "--no-backup" in done.stderr
    assert saved(old_url) == []
    assert revisions.current(old_url) == "0002"


def test_of_many_at_once_one_makes_it(old_url: str) -> None:
    """The one that upgrades, behind the lock of the upgrade."""
    line = [sys.executable, "-m", "tandem_store", "--db", old_url, "db", "upgrade"]
    processes = [subprocess.Popen(line, stdout=subprocess.DEVNULL) for _ in range(4)]

    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert len(saved(old_url)) == 1


def test_the_refusal_of_an_older_store_fits(old_url: str) -> None:
    """It names the command that makes the backup, and says so."""
    with pytest.raises(SchemaBehindError, match=r"file up itself\. Run: tandem-store db upgrade$"):
        open_store(old_url)

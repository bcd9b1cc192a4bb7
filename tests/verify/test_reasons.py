"""Whether the source may be deleted: each reason against it is data, and none is missed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from tandem_store import open_store, tables
from tandem_store.backup import backup_store
from tandem_store.verify import Cause, Verdict, verify_state
from tests.support.importing import imported
from tests.support.state_directories import StateDir, definition, run


def backed_up(url: str, *, later_ms: int = 1) -> None:
    """Note a backup, finished so much later than the last import was."""
    with open_store(url) as store, store.begin() as tx:
        last = tx.connection.execute(select(tables.imports.c.finished_at_ms)).scalars().all()
        row = {"taken_at_ms": max(last) + later_ms, "location": __file__, "runs": 2, "digest": b"d"}
        tx.connection.execute(insert(tables.backups).values(**row))


def causes(url: str, state: StateDir) -> list[Cause]:
    """Why the source has to be kept."""
    report = verify_state(url, state.root)
    found = [one.cause for one in report.reasons]
    assert report.may_delete_source is (not found)
    return found


def test_a_clean_source_may_go_once_a_backup_is_made(clean: StateDir, url: str) -> None:
    """One that was made before the last import ended does not count."""
    imported(url, clean.root)
    assert causes(url, clean) == [Cause.NO_BACKUP]

    backed_up(url, later_ms=0)
    assert causes(url, clean) == [Cause.NO_BACKUP]

    backed_up(url)
    assert causes(url, clean) == []


def test_quarantined_copies_keep_the_source(state: StateDir, url: str) -> None:
    """As many as the import tells of, until somebody decides; discarded ones are counted so."""
    quarantined = len(imported(url, state.root)["quarantined"])
    backed_up(url)
    report = verify_state(url, state.root)
    assert (report.quarantined, quarantined) == (2, 2)
    assert causes(url, state) == [Cause.QUARANTINED]

    with open_store(url) as store, store.begin() as tx:
        tx.quarantine.discard([item.id for item in tx.quarantine.list()], now_ms=1)

    report = verify_state(url, state.root)
    assert report.may_delete_source
    # The run that was recovered from one of them is in the store.
    assert (report.quarantined, report.copies[Verdict.DISCARDED]) == (0, 1)


def test_copies_of_another_tenant_wait_in_quarantine_too(clean: StateDir, url: str) -> None:
    """They are whole, but the store cannot have two runs of one id."""
    tenant = {"org_id": "acme", "workspace_id": "north", "source": "explicit"}
    clean.root_hot({"one": run("one", tenant_context=tenant)})
    imported(url, clean.root)
    backed_up(url)

    assert causes(url, clean) == [Cause.QUARANTINED]


def test_bytes_that_only_the_source_has_keep_it(state: StateDir, url: str) -> None:
    """They were too many for the quarantine."""
    imported(url, state.root)
    backed_up(url)
    with open_store(url) as store, store.begin() as tx:
        items = tx.quarantine.list()
        first = tables.quarantine.c.id == items[0].id
        tx.connection.execute(
            update(tables.quarantine).where(first).values(kept_in_source=True, raw=None)
        )

    assert causes(url, state) == [Cause.ONLY_IN_SOURCE, Cause.QUARANTINED]
    assert verify_state(url, state.root).quarantined == 2


def test_a_quarantined_copy_without_its_item_is_a_difference(state: StateDir, url: str) -> None:
    """The ledger says that its bytes are there, and they are not."""
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        tx.connection.execute(tables.quarantine.delete())

    (difference,) = verify_state(url, state.root).differences

    assert "in quarantine, but nothing of it is there" in difference.what


def test_a_directory_that_was_never_imported_is_told_so(
    clean: StateDir, state: StateDir, url: str
) -> None:
    """Each of its copies is a difference, and the reason is one."""
    imported(url, clean.root)
    backed_up(url)

    report = verify_state(url, state.root)

    assert not report.was_imported
    assert [one.cause for one in report.reasons][:2] == [Cause.NOT_IMPORTED, Cause.DIFFERENT]
    assert len(report.differences) == report.checked
    assert {one.what.partition(" (")[0] for one in report.differences} == {"not imported"}


def test_a_copy_of_a_directory_that_was_imported_is_known(
    clean: StateDir, url: str, tmp_path: Path
) -> None:
    """What counts is what is in it, wherever it is mounted today."""
    imported(url, clean.root)
    shutil.copytree(clean.root, tmp_path / "elsewhere")

    report = verify_state(url, tmp_path / "elsewhere")

    assert (report.was_imported, report.differences) == (True, [])


def test_an_import_that_was_interrupted_keeps_the_source(clean: StateDir, url: str) -> None:
    """Killed at the very end, it left no copy unsettled; what it had still to do, nobody knows."""
    imported(url, clean.root)
    backed_up(url)
    with open_store(url) as store, store.begin() as tx:
        tx.connection.execute(update(tables.imports).values(state="settling"))

    assert causes(url, clean) == [Cause.IMPORT_INTERRUPTED]


def test_runs_of_the_engine_s_own_database_keep_the_source(clean: StateDir, url: str) -> None:
    """A later engine trusts it more than its files."""
    imported(url, clean.root)
    backed_up(url)
    with closing(sqlite3.connect(clean.data / "stateful_runtime.sqlite3")) as database:
        database.execute("CREATE TABLE automation_runs (run_id TEXT, updated_at_ms INTEGER)")
        database.execute("INSERT INTO automation_runs VALUES ('alone', 1)")
        database.commit()

    assert causes(url, clean) == [Cause.NEWER_IN_ENGINE_DB]
    assert verify_state(url, clean.root).newer_in_engine_db == ["alone"]


def test_a_link_that_was_not_followed_keeps_the_source(
    clean: StateDir, url: str, tmp_path: Path
) -> None:
    """Nobody knows what is behind it."""
    (tmp_path / "outside").mkdir()
    (clean.data / "automation-runs/older").symlink_to(tmp_path / "outside")
    imported(url, clean.root)
    backed_up(url)

    assert causes(url, clean) == [Cause.NOT_READ]


def test_files_that_are_gone_keep_the_source(clean: StateDir, url: str) -> None:
    """The disk with the history is not mounted, and was not compared."""
    imported(url, clean.root)
    backed_up(url)
    (clean.data / "automation-runs").rename(clean.root.parent / "unmounted")
    (clean.data / "automation-runs").mkdir()

    assert causes(url, clean) == [Cause.GONE]
    (path,) = verify_state(url, clean.root).gone
    assert path.endswith("/2026/05/one.json")


@pytest.mark.parametrize("with_definition", [True, False])
def test_no_copy_of_a_run_is_no_pass(tmp_path: Path, url: str, with_definition: bool) -> None:
    """The disk with the history may not be mounted."""
    bare = StateDir(tmp_path / "bare")
    (bare.data / "automation-runs").mkdir()
    if with_definition:
        bare.definition(definition("kept"))
    imported(url, bare.root)

    assert Cause.NO_COPY in causes(url, bare)


def test_a_backup_that_is_gone_is_no_backup(clean: StateDir, url: str, tmp_path: Path) -> None:
    """That it was made is no proof that it is there."""
    imported(url, clean.root)
    backup_store(url, tmp_path / "b.db")
    assert causes(url, clean) == []

    (tmp_path / "b.db").unlink()

    assert causes(url, clean) == [Cause.NO_BACKUP]

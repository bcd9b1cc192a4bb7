"""An unfinished copy is closed to everybody, and only its own source may finish it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select, text, update

from tandem_store import (
    NotAStoreError,
    SchemaAheadError,
    SchemaBehindError,
    StoreError,
    StoreLockedError,
    UnfinishedCopyError,
    open_store,
    tables,
)
from tandem_store.cli import exits
from tandem_store.copying import RowSum, copy_store
from tandem_store.copying.parts import Batch
from tandem_store.database import partitions, revisions
from tandem_store.database.engines import create_engines
from tandem_store.database.locks.jobs import bulk_load_lock
from tandem_store.database.urls import database_url
from tandem_store.month import Month
from tandem_store.stored_text import AsStored
from tests.support import REPOSITORY
from tests.support.databases import NewDatabase, file_of
from tests.support.program import command
from tests.support.run_records import new_run
from tests.support.stored import dump
from tests.support.tampering import tampering

SMALL = Batch(rows=20, size=100_000)


class StoppedError(Exception):
    """Raised in the middle of a copy."""


def half_copied(source: str, target: str, *, at: float = 0.5) -> None:
    """Stop a copy when this much of it is done."""

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "copying" and done >= at * total:
            raise StoppedError

    with pytest.raises(StoppedError):
        copy_store(source, target, batch=SMALL, progress=stop)


def altered(target: str, change: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """Progress that changes the target once, between copying and comparing."""
    left = [change]

    def show(phase: str, done: int, total: int) -> None:
        if phase == "copying" and done == total and left:
            left.pop()(target)

    return show


@pytest.mark.parametrize("at", [0.0, 0.4, 0.99, 1.0])
def test_refuses_to_open_until_it_is_finished(source_url: str, target_url: str, at: float) -> None:
    """Stopped anywhere, also when all is there but not compared."""
    half_copied(source_url, target_url, at=at)

    with pytest.raises(UnfinishedCopyError, match=r"copy --from .* --to .* again"):
        open_store(target_url)

    copy_store(source_url, target_url)
    assert dump(target_url) == dump(source_url)


def test_every_command_says_what_to_do(source_url: str, target_url: str) -> None:
    """In one sentence, and the copy can go on after it."""
    half_copied(source_url, target_url)

    for line in ("db upgrade", "db check", "db current", "stats", "import examples/state"):
        done = command("--db", target_url, *line.split())

        assert done.exit_code == 1, line
        if "not there yet" not in done.stderr:
            assert "A copy into this database is unfinished." in done.stderr, line
    assert exits.of_copy(copy_store(source_url, target_url)) == 0


def test_bare_alembic_refuses_too(source_url: str, target_url: str) -> None:
    """A deploy must not take the mark for a revision it has lost, nor stamp over it."""
    half_copied(source_url, target_url)

    for verb in ("upgrade head", "stamp head", "check", "current"):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "-c", REPOSITORY / "alembic.ini", *verb.split()],
            env={**os.environ, "TANDEM_STORE_URL": target_url},
            capture_output=True,
            text=True,
        )

        assert done.returncode != 0, verb
        assert "A copy into this database is unfinished." in done.stderr, verb
        assert "Traceback" not in done.stderr, verb
    with pytest.raises(UnfinishedCopyError):
        open_store(target_url)


def test_goes_on_where_it_stopped(source_url: str, target_url: str) -> None:
    """What is there is not copied again."""
    half_copied(source_url, target_url)

    report = copy_store(source_url, target_url)

    everything = sum(report.tables.values()) - report.tables["run_documents"]
    assert 0 < report.copied < 0.6 * everything
    assert report.differences == []


def test_goes_on_after_the_source_was_moved(source_url: str, target_url: str) -> None:
    """The source is known by what is in it, not by where it is."""
    half_copied(source_url, target_url)
    path = file_of(source_url)
    moved = path.rename(path.with_name("moved.db"))

    assert exits.of_copy(copy_store(str(moved), target_url)) == 0


def test_does_not_go_on_from_another_source(
    source_url: str, target_url: str, new_store_on: NewDatabase
) -> None:
    """Two halves make no store."""
    half_copied(source_url, target_url)

    with pytest.raises(StoreError, match="unfinished copy of another store"):
        copy_store(new_store_on("sqlite"), target_url)


def test_does_not_go_on_from_a_source_that_was_written_to(source_url: str, target_url: str) -> None:
    """What was copied may be old by now."""
    half_copied(source_url, target_url)
    with open_store(source_url) as store, store.begin() as tx:
        tx.runs.add(new_run("since-then"))

    with pytest.raises(StoreError, match="before it was written to"):
        copy_store(source_url, target_url)


def _flip_a_byte(target: str) -> None:
    with tampering(target) as connection:
        month = connection.scalar(
            select(tables.runs.c.month).where(tables.runs.c.run_id == "great")
        )
        table = partitions.document_table(connection, month)
        row = table.c.run_id == "great"
        document = bytearray(connection.scalar(select(table.c.document).where(row)))
        document[len(document) // 2] ^= 1
        connection.execute(update(table).where(row).values(document=bytes(document)))


def _change_a_claim(target: str) -> None:
    with tampering(target) as connection:
        row = tables.runs.c.run_id == "great"
        connection.execute(update(tables.runs).where(row).values(claim_epoch=9))


def _change_the_ledger(target: str) -> None:
    with tampering(target) as connection:
        entries = tables.import_entries
        greatest = select(func.max(entries.c.id)).scalar_subquery()
        connection.execute(update(entries).where(entries.c.id == greatest).values(reason="x"))


def _rename_an_automation(target: str) -> None:
    with tampering(target) as connection:
        row = tables.automations.c.automation_id == "\U0001f600"
        connection.execute(update(tables.automations).where(row).values(name="x"))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_flip_a_byte, "2026-05"),
        (_change_a_claim, "2026-05"),
        (_change_the_ledger, "import_entries"),
        (_rename_an_automation, "automations"),
    ],
)
def test_one_altered_byte_keeps_it_closed(
    source_url: str, target_url: str, change: Callable[[str], None], what: str
) -> None:
    """The difference is named, the exit code is 4, and nobody gets in."""
    report = copy_store(source_url, target_url, progress=altered(target_url, change))

    assert [difference.what for difference in report.differences] == [what]
    assert exits.of_copy(report) == 4
    with pytest.raises(UnfinishedCopyError):
        open_store(target_url)
    again = command("copy", "--from", source_url, "--to", target_url)
    assert again.exit_code == 4
    assert what in again.stdout


def test_a_run_too_many_keeps_it_closed(source_url: str, target_url: str) -> None:
    """Somebody had the target open before it was closed, and added a run."""

    def add(target: str) -> None:
        with tampering(target) as connection:
            row = connection.execute(select(tables.runs).limit(1)).one()._asdict()
            values = {**row, "run_id": "too-many", "month": 190001}
            connection.execute(tables.runs.insert().values(values))

    report = copy_store(source_url, target_url, progress=altered(target_url, add))

    (difference,) = report.differences
    assert difference.what == "runs"
    assert difference.target == RowSum(difference.source.rows + 1)


def test_a_run_without_a_document_is_not_lost_in_silence(source_url: str, target_url: str) -> None:
    """A damaged source gives no whole copy, and the report says where."""
    path = source_url.removeprefix("sqlite:///")
    engines = create_engines(path, foreign_keys=False)
    with engines.write.begin() as connection:
        connection.execute(
            partitions.table_of(Month(2026, 5)).delete().where(text("run_id = 'great'"))
        )
    engines.dispose()

    assert [one.what for one in copy_store(source_url, target_url).differences] == ["runs"]


def test_a_target_with_rows_is_refused(source_url: str, store_url: str) -> None:
    """A single run is too much, and it stays as it was."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("theirs"))
    before = dump(store_url)

    with pytest.raises(StoreError, match=r"not empty.*new database"):
        copy_store(source_url, store_url)

    assert dump(store_url) == before


def test_a_copy_that_was_finished_is_recognised(source_url: str, target_url: str) -> None:
    """Killed after the last commit, it could not say so; the same command does."""
    copy_store(source_url, target_url)
    before = dump(target_url)

    report = copy_store(source_url, target_url)

    assert (report.copied, report.differences, exits.of_copy(report)) == (0, [], 0)
    assert sum(report.months.values()) > 0
    again = command("copy", "--from", source_url, "--to", target_url)
    assert again.exit_code == 0
    assert "It was copied before." in again.stdout
    assert dump(target_url) == before


@pytest.mark.parametrize("change", [_flip_a_byte, _change_a_claim])
def test_a_finished_copy_that_is_not_the_same_any_more_is_refused(
    source_url: str, target_url: str, change: Callable[[str], None]
) -> None:
    """It may be a store that is in use, and stays as it is."""
    copy_store(source_url, target_url)
    change(target_url)

    with pytest.raises(StoreError, match="not empty"):
        copy_store(source_url, target_url)

    open_store(target_url).close()


def test_another_programs_database_is_refused(source_url: str, tmp_path: Path) -> None:
    """It is not touched."""
    path = tmp_path / "text.db"
    path.write_bytes(b"not a database, " * 1_000)

    with pytest.raises(NotAStoreError):
        copy_store(source_url, str(path))

    assert path.read_bytes() == b"not a database, " * 1_000


@pytest.mark.sqlite
def test_source_and_target_must_be_two(source_url: str, store_url: str) -> None:
    """By whatever path the file is named."""
    path = file_of(source_url)
    link = path.with_name("link.db")
    link.symlink_to(path)

    for one, other in ((str(path), source_url), (source_url, str(link))):
        with pytest.raises(StoreError, match="same database"):
            copy_store(one, other)
    with pytest.raises(StoreError, match="same database"):
        copy_store(store_url, store_url)


@pytest.mark.postgresql
def test_one_database_may_hold_source_and_target(store_url: str) -> None:
    """In two schemas."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))
    other = f"{store_url}&schema=second"

    copy_store(store_url, other)

    assert dump(other) == dump(store_url) != b""


@pytest.mark.parametrize(
    ("revision", "error"), [("0000", SchemaBehindError), ("9999", SchemaAheadError)]
)
def test_a_source_of_another_revision_is_refused(
    source_url: str, target_url: str, revision: str, error: type[StoreError]
) -> None:
    """And no target is made for it."""
    with tampering(source_url) as connection:
        connection.execute(
            text("UPDATE tandem_store_version SET version_num = :r"), {"r": revision}
        )

    with pytest.raises(error):
        copy_store(source_url, target_url)

    assert revisions.current(target_url) is None


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """And no target is made, nor a lock file beside it."""
    with pytest.raises(StoreError, match="no database at"):
        copy_store(str(tmp_path / "typo.db"), str(tmp_path / "b.db"))

    assert list(tmp_path.iterdir()) == []


def test_a_half_copy_is_no_source(source_url: str, target_url: str, tmp_path: Path) -> None:
    """Half a store is not handed on."""
    half_copied(source_url, target_url)

    with pytest.raises(UnfinishedCopyError):
        copy_store(target_url, str(tmp_path / "third.db"))


def test_of_two_copies_into_one_target_one_works(source_url: str, target_url: str) -> None:
    """The other is told at once, with exit code 6, and changes nothing."""
    told: list[Result] = []

    def try_it_too(phase: str, done: int, total: int) -> None:
        if not told:
            told.append(command("copy", "--from", source_url, "--to", target_url))

    report = copy_store(source_url, target_url, progress=try_it_too)

    assert told[0].exit_code == 6
    assert "Another copy into this store" in told[0].stderr
    assert report.differences == []


@pytest.mark.sqlite
def test_copies_into_other_schemas_do_not_wait(source_url: str, store_url: str) -> None:
    """Two stores in one database are two stores."""
    target, other = (f"{store_url}&schema={name}" for name in ("one", "two"))
    inner: list[int] = []

    def copy_other(phase: str, done: int, total: int) -> None:
        if not inner:
            inner.append(-1)
            inner[0] = exits.of_copy(copy_store(source_url, other))

    assert exits.of_copy(copy_store(source_url, target, progress=copy_other)) == 0
    assert inner == [0]


def test_an_import_stays_out_while_a_copy_runs(
    source_url: str, new_database_on: NewDatabase
) -> None:
    """Both fill the target, and it is one of them that may."""
    target = new_database_on("sqlite")
    busy = bulk_load_lock(database_url(target), busy="busy")

    with busy:
        done = command("--db", target, "import", "examples/state")
        with pytest.raises(StoreLockedError):
            copy_store(source_url, target)

    assert done.exit_code == 6


def test_a_row_that_the_target_cannot_hold_is_a_sentence(
    source_url: str, new_database_on: NewDatabase
) -> None:
    """SQLite keeps what PostgreSQL refuses, if somebody wrote it past the store."""
    with tampering(source_url) as connection:
        row = tables.runs.c.run_id == "great"
        connection.execute(update(tables.runs).where(row).values(claimed_by=AsStored("nul\0")))

    with pytest.raises(StoreError, match="The target refuses a row of 2026-05"):
        copy_store(source_url, new_database_on("postgresql"))

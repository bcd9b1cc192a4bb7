"""A month leaves the store as a whole, into a file that is a store, and comes back as it was."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from tandem_store import (
    ConflictError,
    Month,
    MonthDetachedError,
    NotAStoreError,
    NotFoundError,
    StoreError,
    TenantScope,
    attach_month,
    backup_store,
    detach_month,
    dictionaries,
    drop_month,
    forget_content,
    open_store,
    plan_retention,
    tables,
    upgrade,
)
from tandem_store.archives import origin_of
from tandem_store.database.urls import database_url, shown
from tandem_store.doctor import examine
from tandem_store.importer.retry import retry_quarantined
from tandem_store.zstd import ZstdDict
from tests.archiving.months import (
    ACME,
    EACH,
    FEBRUARY,
    JANUARY,
    MARCH,
    MONTHS,
    run_id,
    run_of,
    totals,
)
from tests.support.databases import NewDatabase, copied_file, file_of
from tests.support.stored import dump
from tests.support.tampering import tampering

OWN = TenantScope(org_id="acme", workspace_id="north")
OTHER = TenantScope(org_id="globex", workspace_id="south")


def rows(url: str, table: str) -> int:
    """How many rows a table has."""
    with tampering(url) as connection:
        owner = tables.metadata.tables[table]
        return connection.execute(select(func.count()).select_from(owner)).scalar_one()


def test_a_month_comes_back_as_it_was(months_url: str, tmp_path: Path) -> None:
    """Runs, claims, snapshots, dictionaries and quarantine: the same dump, for every month."""
    before, stats = dump(months_url), totals(months_url)
    reports = [detach_month(months_url, month, tmp_path / "archives") for month in MONTHS]

    assert [(one.month, one.runs) for one in reports] == [(month, EACH) for month in MONTHS]
    assert [one.quarantined for one in reports] == [0, 1, 0]
    assert rows(months_url, "runs") == rows(months_url, "quarantine") == 0
    assert rows(months_url, "automation_snapshots") == 0
    assert totals(months_url) == stats
    assert totals(months_url, attached_only=True) == {}

    for report in reversed(reports):
        attach_month(months_url, report.archive)

    assert dump(months_url) == before
    assert totals(months_url) == totals(months_url, attached_only=True) == stats
    for table in ("archives", "detached_runs", "month_totals"):
        assert rows(months_url, table) == 0
    assert examine(months_url, deep=True).ok


def test_an_archive_is_a_store_that_is_only_read(months_url: str, tmp_path: Path) -> None:
    """With what it holds and where it came from, after the original is gone."""
    with open_store(months_url) as store, store.read() as tx:
        runs = [tx.runs.get(run_id(FEBRUARY, number)) for number in range(EACH)]
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    if months_url.startswith("sqlite"):
        file_of(months_url).unlink()

    with open_store(str(archive)) as store:
        with store.read() as tx:
            assert [tx.runs.get(run_id(FEBRUARY, number)) for number in range(EACH)] == runs
            assert [(one.month, one.runs) for one in tx.months.list()] == [(FEBRUARY, EACH)]
            assert len(list(tx.runs.claims())) == 1
            (item,) = tx.quarantine.list()
            assert tx.quarantine.raw(item.id) is not None
            origin = origin_of(tx.connection)
        with pytest.raises(StoreError, match="only read"), store.begin():
            pytest.fail("an archive was opened for writing")
    assert origin is not None
    assert (origin.month, origin.runs, origin.quarantined) == (FEBRUARY, EACH, 1)
    assert origin.store == shown(database_url(months_url))
    with closing(sqlite3.connect(f"file:{archive}?mode=ro", uri=True)) as bare:
        (count,) = bare.execute("SELECT count(*) FROM runs_readable WHERE month = '2020-02'")
        assert count == (EACH,)
    written = archive.read_bytes()
    assert backup_store(str(archive), tmp_path / "backup.db").content.runs == EACH
    assert archive.read_bytes() == written
    assert not Path(f"{archive}-wal").exists()
    assert examine(str(archive), deep=True).ok


def test_a_run_of_a_detached_month_is_answered_with_its_archive(
    months_url: str, tmp_path: Path
) -> None:
    """Reading and writing, by a typed error; its id stays taken."""
    archive = str(detach_month(months_url, FEBRUARY, tmp_path).archive)
    run = run_of(FEBRUARY, 2)
    with open_store(months_url) as store:
        with store.read() as tx:
            for ask in (tx.runs.get, tx.runs.get_versioned, tx.runs.document, tx.runs.summary):
                with pytest.raises(MonthDetachedError) as refused:
                    ask(run.run_id)
                assert refused.value.archive == archive
                assert archive in str(refused.value)
            assert not tx.runs.exists(run.run_id)
            assert run.run_id in tx.runs.find_ids("2020-02", limit=99)
            assert [(one.month, one.runs) for one in tx.runs.detached()] == [(FEBRUARY, EACH)]
            assert {one.month for one in tx.runs.list(limit=99).items} == {JANUARY, MARCH}
        for write in (
            lambda tx: tx.runs.add(run),
            lambda tx: tx.runs.add_many([run]),
            lambda tx: tx.runs.save(run, force=True),
            lambda tx: tx.runs.update(run.run_id, lambda run: run),
            lambda tx: tx.runs.delete(run.run_id),
            # Another run of the month, and one whose id is taken in another month.
            lambda tx: tx.runs.add(run_of(FEBRUARY, 99)),
            lambda tx: tx.runs.add(run_of(MARCH, 99, run_id=run.run_id)),
        ):
            with pytest.raises(MonthDetachedError) as refused, store.begin() as writing:
                write(writing)
            assert refused.value.archive == archive


def test_other_tenants_learn_nothing_of_detached_runs(months_url: str, tmp_path: Path) -> None:
    """Not even that they are there, apart from the id that is taken."""
    detach_month(months_url, FEBRUARY, tmp_path)
    mine = run_id(FEBRUARY, 3)
    with open_store(months_url) as store:
        with store.for_tenant(OTHER).read() as other:
            assert other.runs.get(mine) is None
            assert other.runs.summary(mine) is None
            assert other.runs.detached() == ()
            assert other.runs.find_ids("2020-02", limit=9) == ()
            assert other.runs.stats() == ()
        with store.for_tenant(OWN).read() as own:
            with pytest.raises(MonthDetachedError):
                own.runs.get(mine)
            assert [one.runs for one in own.runs.detached()] == [EACH // 4]
            assert sum(one.runs for one in own.runs.stats()) == 3 * EACH // 4
        tenant = {"org_id": "globex", "workspace_id": "south"}
        stranger = run_of(MARCH, 50, tenant_context=tenant, run_id=mine)
        with store.for_tenant(OTHER).begin() as writing:
            with pytest.raises(ConflictError) as refused:
                writing.runs.add(stranger)
            assert "acme" not in str(refused.value)
            assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("status", ["queued", "running", "awaiting_approval", "paused"])
@pytest.mark.sqlite
def test_a_month_with_runs_that_have_not_ended_stays(
    months_url: str, tmp_path: Path, status: str
) -> None:
    """And they are named."""
    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.save(run_of(FEBRUARY, 2, status=status), force=True)
    before = dump(months_url)

    with pytest.raises(StoreError, match="1 run that has not ended: '2020-02-2'"):
        detach_month(months_url, FEBRUARY, tmp_path / "archives")

    assert dump(months_url) == before
    assert not (tmp_path / "archives").exists()


@pytest.mark.sqlite
def test_what_cannot_be_detached_is_told(months_url: str, tmp_path: Path) -> None:
    """A month that is not there, is empty, or is detached; and a name that is taken."""
    with open_store(months_url) as store:
        store.ensure_months([Month(2020, 9)])
    (tmp_path / "2020-03.tandem").write_text("somebody's")

    with pytest.raises(NotFoundError, match="no month 2019-01"):
        detach_month(months_url, Month(2019, 1), tmp_path)
    with pytest.raises(StoreError, match="no runs"):
        detach_month(months_url, Month(2020, 9), tmp_path)
    with pytest.raises(StoreError, match="never written over"):
        detach_month(months_url, MARCH, tmp_path)
    detach_month(months_url, JANUARY, tmp_path)
    with pytest.raises(MonthDetachedError):
        detach_month(months_url, JANUARY, tmp_path / "again")

    assert (tmp_path / "2020-03.tandem").read_text() == "somebody's"


@pytest.mark.sqlite
def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the command that makes it, and no file is left in its place."""
    url, folder = str(tmp_path / "nowhere.db"), tmp_path / "archives"
    for job in (
        lambda: detach_month(url, FEBRUARY, folder),
        lambda: attach_month(url, folder / "2020-02.tandem"),
        lambda: forget_content(url, FEBRUARY),
        lambda: drop_month(url, FEBRUARY),
    ):
        with pytest.raises(StoreError, match="There is no database at"):
            job()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.sqlite
def test_a_damaged_run_stays_in_the_store(months_url: str, tmp_path: Path) -> None:
    """An archive vouches for what is in it."""
    with tampering(months_url) as connection:
        damaged = tables.runs.c.run_id == run_id(FEBRUARY, 2)
        connection.execute(update(tables.runs).where(damaged).values(detail="altered"))

    with pytest.raises(NotAStoreError, match="2020-02-2"):
        detach_month(months_url, FEBRUARY, tmp_path / "archives")

    assert list((tmp_path / "archives").iterdir()) == []
    assert rows(months_url, "runs") == 3 * EACH


@pytest.mark.sqlite
def test_an_altered_archive_is_refused(months_url: str, tmp_path: Path) -> None:
    """Whatever was altered: a column, a document, a claim, an item, or a run more or less."""
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    before, sound = dump(months_url), archive.read_bytes()
    document = "run_documents_2020_02"
    for number, statement in enumerate(
        (
            "UPDATE runs SET total_tokens = 1 WHERE run_id = '2020-02-2'",
            "UPDATE runs SET claim_epoch = 9 WHERE run_id = '2020-02-2'",
            "UPDATE runs SET revision = 7 WHERE run_id = '2020-02-2'",
            "UPDATE runs SET snapshot_id = NULL WHERE run_id = '2020-02-2'",
            f"UPDATE {document} SET document = zeroblob(9) WHERE run_id = '2020-02-2'",
            f"DELETE FROM {document} WHERE run_id = '2020-02-2'",
            "DELETE FROM runs WHERE run_id = '2020-02-2'",
            "UPDATE quarantine SET reason = 'another'",
            "DELETE FROM quarantine",
            "DELETE FROM archive_origins",
        )
    ):
        altered = tmp_path / f"altered-{number}.tandem"
        altered.write_bytes(sound)
        with closing(sqlite3.connect(altered)) as bare, bare:
            bare.execute(statement)
        with pytest.raises((NotAStoreError, StoreError)):
            attach_month(months_url, altered)
        assert dump(months_url) == before, statement
    for content in (b"", b"no database", sound[: len(sound) // 2]):
        (tmp_path / "cut.tandem").write_bytes(content)
        with pytest.raises(StoreError):
            attach_month(months_url, tmp_path / "cut.tandem")
    with pytest.raises(StoreError):
        attach_month(months_url, tmp_path / "nowhere.tandem")
    assert dump(months_url) == before

    attach_month(months_url, archive)


def test_what_is_no_archive_is_named(months_url: str, tmp_path: Path) -> None:
    """And not taken for the store, which must not be restored from a backup or made anew."""
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    sound = archive.read_bytes()
    for content in (b"no database", sound[: len(sound) // 2], sound[:9_000]):
        archive.write_bytes(content)
        with pytest.raises(NotAStoreError, match=f"The archive {archive} cannot be read"):
            attach_month(months_url, archive)
    archive.unlink()

    for nothing in (archive, tmp_path):
        with pytest.raises(StoreError, match=f"There is no archive {nothing}") as refused:
            attach_month(months_url, nothing)
        assert "months list" in str(refused.value)
        assert "db upgrade" not in str(refused.value)


def test_a_decision_about_an_item_is_not_lost(months_url: str, tmp_path: Path) -> None:
    """What was discarded while the month was written stays discarded when it comes back."""

    def discard(*_: object) -> None:
        with open_store(months_url) as store, store.begin() as tx:
            tx.quarantine.discard([one.id for one in tx.quarantine.list()], now_ms=5)

    archive = detach_month(months_url, FEBRUARY, tmp_path, progress=discard).archive
    attach_month(months_url, archive)

    with open_store(months_url) as store, store.read() as tx:
        assert tx.quarantine.list() == []
        assert [one.discarded for one in tx.quarantine.list(include_discarded=True)] == [True]


def test_what_would_collide_is_refused(months_url: str, tmp_path: Path) -> None:
    """Runs that are there already, and those that are in another archive."""
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    attach_month(months_url, archive)
    before = dump(months_url)

    with pytest.raises(ConflictError, match="already"):
        attach_month(months_url, archive)
    assert dump(months_url) == before

    other = detach_month(months_url, FEBRUARY, tmp_path / "other").archive
    with open_store(months_url) as store, store.begin() as tx:
        tx.connection.execute(update(tables.archives).values(digest=b"\1" * 32))
    with pytest.raises(ConflictError, match="already"):
        attach_month(months_url, other)


def test_a_month_is_in_one_archive_at_a_time(
    months_url: str, months_file: Path, tmp_path: Path
) -> None:
    """Another store's waits until ours is back, or dropping ours would take both away."""
    other = copied_file(months_file, tmp_path / "other.db")
    with open_store(other) as store, store.begin() as tx:
        for number in range(EACH):
            tx.runs.delete(run_id(FEBRUARY, number))
        tx.runs.add(run_of(FEBRUARY, 1, run_id="theirs"))
    theirs = detach_month(other, FEBRUARY, tmp_path / "theirs").archive
    ours = detach_month(months_url, FEBRUARY, tmp_path / "ours").archive

    with pytest.raises(ConflictError, match=r"ours/2020-02\.tandem"):
        attach_month(months_url, theirs)
    attach_month(months_url, ours)
    attach_month(months_url, theirs)

    with open_store(months_url) as store, store.read() as tx:
        assert tx.runs.count() == len(MONTHS) * EACH + 1


def test_an_archive_can_go_into_another_store(
    months_url: str, tmp_path: Path, new_database_on: NewDatabase
) -> None:
    """Of the other kind of database, with months and dictionaries of its own; runs add up."""
    other = new_database_on("postgresql" if months_url.startswith("sqlite") else "sqlite")
    upgrade(other)
    with open_store(other) as store, store.begin() as tx:
        tx.runs.add(run_of(FEBRUARY, 77))
    with open_store(months_url) as store, store.read() as tx:
        runs = [tx.runs.get_versioned(run_id(FEBRUARY, number)) for number in range(EACH)]
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive

    report = attach_month(other, archive)

    assert (report.runs, report.quarantined) == (EACH, 1)
    with open_store(other) as store, store.read() as tx:
        assert [tx.runs.get_versioned(run_id(FEBRUARY, number)) for number in range(EACH)] == runs
        assert tx.runs.count() == EACH + 1
        (item,) = tx.quarantine.list()
    assert examine(other, deep=True).ok
    # The ledger with the copy that it was stays in the store that imported it.
    (retried,) = retry_quarantined(other, [item.id]).items
    assert (retried.resolved, retried.discarded) == (False, False)
    assert "another store" in retried.message


@pytest.mark.sqlite
def test_a_dictionary_whose_number_is_taken_is_done_without(
    months_url: str, tmp_path: Path
) -> None:
    """The documents are compressed anew, and are what they were."""
    before = dump(months_url)
    archive = detach_month(months_url, JANUARY, tmp_path).archive
    with closing(sqlite3.connect(archive)) as bare:
        (number,) = bare.execute("SELECT id FROM dictionaries").fetchone()
    with closing(sqlite3.connect(file_of(months_url))) as bare, bare:
        bare.execute("DELETE FROM dictionaries")
    other = tmp_path / "other.db"
    shutil.copy(file_of(months_url), other)
    _make_other_dictionary(f"sqlite:///{other}", number)

    attach_month(str(other), archive)

    with open_store(str(other)) as store, store.read() as tx:
        assert list(tx.runs.damaged()) == []
    assert dump(str(other)) == before


def _make_other_dictionary(url: str, number: int) -> None:
    """Store another dictionary under a number, listed for March."""
    known = dictionaries.compression.packaged_dictionary().dict_content
    other = ZstdDict(known[:4] + number.to_bytes(4, "little") + known[8:])
    with tampering(url) as connection:
        dictionaries.list_for_month(connection, MARCH, other, dictionaries.compressed(other))


def test_a_service_that_was_told_of_a_revision_goes_on_with_it(
    months_url: str, tmp_path: Path
) -> None:
    """After a month came back, and after it was dropped and a run added again."""
    with open_store(months_url) as store:
        with store.begin() as tx:
            revision = tx.runs.save(run_of(FEBRUARY, 2), force=True)
        archive = detach_month(months_url, FEBRUARY, tmp_path).archive
        attach_month(months_url, archive)
        with store.begin() as tx:
            assert tx.runs.save(run_of(FEBRUARY, 2), expected_revision=revision) == revision + 1
        detach_month(months_url, FEBRUARY, tmp_path / "again")
        drop_month(months_url, FEBRUARY)
        with store.begin() as tx:
            assert tx.runs.get(run_id(FEBRUARY, 2)) is None
            assert tx.runs.add(run_of(FEBRUARY, 2)) == revision + 2


def test_the_tenant_of_the_fixture_is_there(months_url: str) -> None:
    """Otherwise the test on tenants would show nothing."""
    with open_store(months_url) as store, store.read() as tx:
        run = tx.runs.get(run_id(FEBRUARY, 3))
    assert run is not None
    assert run.tenant_context.org_id == ACME["org_id"]


@pytest.mark.sqlite
def test_an_interrupted_import_keeps_every_month(months_url: str, tmp_path: Path) -> None:
    """It may bring more runs of the month; the message names the command that finishes it."""
    with tampering(months_url) as connection:
        connection.execute(update(tables.imports).values(state="settling"))

    with pytest.raises(StoreError, match=r"was interrupted.*tandem-store import"):
        detach_month(months_url, FEBRUARY, tmp_path)

    plan = plan_retention(months_url, keep=1, archive_to=tmp_path)
    assert {one.blocked_by[0].code for one in plan.steps} == {"import_interrupted"}


@pytest.mark.sqlite
def test_an_altered_snapshot_keeps_its_month(months_url: str, tmp_path: Path) -> None:
    """It can be read, and is not what its digest says."""
    with tampering(months_url) as connection:
        snapshots = tables.automation_snapshots
        altered = {"encoding": "json", "document": b'{"automation_id": "another"}'}
        connection.execute(update(snapshots).values(altered))

    with pytest.raises(NotAStoreError, match="not the one it is stored as"):
        detach_month(months_url, FEBRUARY, tmp_path)


@pytest.mark.sqlite
def test_arguments_of_another_kind_are_told(months_url: str, tmp_path: Path) -> None:
    """A month as text, a folder that is a file, and an archive that is not there."""
    (tmp_path / "a-file").write_text("text")

    for take in (
        lambda month: detach_month(months_url, month, tmp_path),
        lambda month: drop_month(months_url, month),
        lambda month: forget_content(months_url, month),
    ):
        with pytest.raises(TypeError, match=r"Month\.parse"):
            take("2020-02")
    with pytest.raises(StoreError, match="is a file"):
        detach_month(months_url, FEBRUARY, tmp_path / "a-file")
    with pytest.raises(StoreError, match=r"There is no archive .*months list"):
        attach_month(months_url, tmp_path / "nowhere.tandem")
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    attach_month(months_url, archive)
    with pytest.raises(ConflictError, match="2020-02 is attached"):
        attach_month(months_url, archive)

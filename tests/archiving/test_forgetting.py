"""The content of a month goes, its books stay; and a dropped month leaves its totals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store import (
    ContentForgottenError,
    NotFoundError,
    RunRecord,
    StoreError,
    attach_month,
    backup_store,
    compact_months,
    copy_store,
    detach_month,
    drop_month,
    export_csv,
    export_jsonl,
    export_legacy,
    export_parquet,
    forget_content,
    open_store,
)
from tandem_store.archiving import forget
from tandem_store.doctor import examine
from tests.archiving.months import EACH, FEBRUARY, MONTHS, run_id, run_of, totals
from tests.support.databases import NewDatabase, file_of
from tests.support.stored import bare_connection, dump


def blobs(url: str) -> list[bytes]:
    """The documents of February as they are stored."""
    with bare_connection(url) as connection:
        rows = connection.execute("SELECT document FROM run_documents_2020_02").fetchall()
    return [bytes(row[0]) for row in rows]


def test_what_is_listed_stays_and_the_rest_is_answered_by_a_typed_error(months_url: str) -> None:
    """Lists, counts, sums and summaries do not change."""
    with open_store(months_url) as store, store.read() as tx:
        listed, stats = tx.runs.list(limit=99), totals(months_url)

    report = forget_content(months_url, FEBRUARY)

    assert (report.runs, report.quarantined) == (EACH, 1)
    assert blobs(months_url) == [b""] * EACH
    with open_store(months_url) as store:
        with store.read() as tx:
            assert tx.runs.list(limit=99) == listed
            assert tx.runs.summary(run_id(FEBRUARY, 2)) in listed.items
            for ask in (tx.runs.get, tx.runs.get_versioned):
                with pytest.raises(ContentForgottenError, match="2020-02"):
                    ask(run_id(FEBRUARY, 2))
            stored = tx.runs.document(run_id(FEBRUARY, 2))
            assert stored is not None
            assert stored.is_forgotten
            with pytest.raises(ContentForgottenError):
                stored.raw()
            with pytest.raises(ContentForgottenError):
                list(tx.runs.iterate())
            assert [one.forgotten for one in tx.months.list() if one.runs] == [0, EACH, 0]
            assert tx.quarantine.list() == []
        with store.begin() as writing, pytest.raises(ContentForgottenError):
            writing.runs.update(run_id(FEBRUARY, 2), lambda run: run)
        with store.begin() as writing:
            writing.runs.save(run_of(FEBRUARY, 2, status="failed"), force=True)
    assert totals(months_url).keys() == stats.keys()
    assert examine(months_url, deep=True).ok
    assert forget_content(months_url, FEBRUARY).runs == 1


@pytest.mark.sqlite
def test_nothing_of_it_is_left_in_the_file(months_url: str) -> None:
    """Not even in pages that are free."""
    documents = blobs(months_url)
    content = file_of(months_url).read_bytes()
    assert all(document[-64:] in content for document in documents)

    report = forget_content(months_url, FEBRUARY)

    content = file_of(months_url).read_bytes()
    assert not any(document[-64:] in content for document in documents)
    assert report.database_bytes_after <= report.database_bytes_before


def test_the_content_is_restored_from_the_archive(months_url: str, tmp_path: Path) -> None:
    """Which was written before; but a run that was written since is not overwritten."""
    before = dump(months_url)
    archive = forget_content(months_url, FEBRUARY, archive_to=tmp_path).archive
    assert archive is not None
    discarded = dump(months_url)

    report = attach_month(months_url, archive)

    assert (report.runs, report.restored) == (EACH, EACH)
    with open_store(months_url) as store, store.read() as tx:
        assert list(tx.runs.damaged()) == []
    assert dump(months_url) == before

    forget_content(months_url, FEBRUARY)
    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.save(run_of(FEBRUARY, 2), force=True)
    with pytest.raises(StoreError, match="2020-02-2"):
        attach_month(months_url, archive)
    assert discarded != before


def test_an_interrupted_call_goes_on_with_its_archive(
    months_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is the only place that has the content of the runs that are forgotten already."""
    before = dump(months_url)
    monkeypatch.setattr(forget, "_BATCH", 5)

    def interrupt(phase: str, *_: object) -> None:
        if phase == "forgetting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forget_content(months_url, FEBRUARY, archive_to=tmp_path, progress=interrupt)
    report = forget_content(months_url, FEBRUARY, archive_to=tmp_path)

    assert report.runs == EACH - 5
    assert report.archive is not None
    attach_month(months_url, report.archive)
    assert dump(months_url) == before

    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.save(run_of(FEBRUARY, 2, status="failed"), force=True)
    with pytest.raises(StoreError, match="never written over"):
        forget_content(months_url, FEBRUARY, archive_to=tmp_path)


def test_an_item_that_was_not_discarded_yet_is_there_once(months_url: str, tmp_path: Path) -> None:
    """After an interruption behind the last run, and each time that the content is restored."""
    before = dump(months_url)

    def interrupt(phase: str, *_: object) -> None:
        if phase == "forgetting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forget_content(months_url, FEBRUARY, archive_to=tmp_path, progress=interrupt)
    for _ in range(2):
        attach_month(months_url, tmp_path / "2020-02.tandem")
        assert dump(months_url) == before
        forget_content(months_url, FEBRUARY)


def test_a_forgotten_month_can_leave_and_come_back(months_url: str, tmp_path: Path) -> None:
    """Its archive holds the books alone."""
    forget_content(months_url, FEBRUARY)
    before, stats = dump(months_url), totals(months_url)

    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    assert totals(months_url) == stats
    attach_month(months_url, archive)

    assert dump(months_url) == before


@pytest.mark.sqlite
def test_everything_else_works_on_what_is_left(
    months_url: str, tmp_path: Path, new_database_on: NewDatabase
) -> None:
    """Copies, backups, compacting and exports; those of complete records say what is missing."""
    forget_content(months_url, FEBRUARY)
    other = new_database_on("postgresql")

    assert copy_store(months_url, other).differences == []
    assert dump(other) == dump(months_url)
    backup_store(months_url, tmp_path / "backup.db")
    compact_months(months_url)
    rest = (len(MONTHS) - 1) * EACH
    complete = export_jsonl(months_url, tmp_path / "complete.jsonl")
    assert (complete.runs, complete.forgotten) == (rest, EACH)
    columns = export_csv(months_url, tmp_path / "columns.csv")
    assert (columns.runs, columns.forgotten) == (rest + EACH, 0)
    fields = ["run_id", "/checkpoint/completed_nodes"]
    inside = export_jsonl(months_url, tmp_path / "inside.jsonl", fields=fields)
    assert (inside.runs, inside.forgotten) == (rest + EACH, EACH)
    tables = export_parquet(months_url, tmp_path / "parquet")
    assert (tables.runs, tables.forgotten) == (rest + EACH, EACH)
    legacy = export_legacy(months_url, tmp_path / "state")
    assert (legacy.runs, legacy.forgotten, legacy.detached) == (rest, EACH, 0)
    detach_month(months_url, FEBRUARY, tmp_path)
    assert export_legacy(months_url, tmp_path / "again").detached == EACH
    assert export_csv(months_url, tmp_path / "again.csv").detached == EACH


def test_a_dropped_month_leaves_its_totals_and_nothing_else(
    months_url: str, tmp_path: Path
) -> None:
    """Its archive is removed; a file that is not the archive is left alone."""
    stats = totals(months_url)
    for month in MONTHS:
        detach_month(months_url, month, tmp_path)
    (tmp_path / "2020-01.tandem").write_bytes(b"another")
    (tmp_path / "2020-02.tandem").unlink()

    left = [drop_month(months_url, month) for month in MONTHS]

    assert [one.removed for one in left] == [False, False, True]
    assert "not the archive" in (left[0].left or "")
    assert "not there" in (left[1].left or "")
    assert [path.name for path in tmp_path.glob("*.tandem")] == ["2020-01.tandem"]
    assert totals(months_url) == stats
    assert totals(months_url, attached_only=True) == {}
    with open_store(months_url) as store, store.read() as tx:
        assert tx.runs.get(run_id(FEBRUARY, 2)) is None
        assert list(tx.months.in_use()) == []
        assert tx.runs.detached() == ()


@pytest.mark.sqlite
def test_only_what_is_detached_is_dropped(months_url: str) -> None:
    """A month that is attached, or not there, is told."""
    with pytest.raises(StoreError, match="detach it first"):
        drop_month(months_url, FEBRUARY)
    with pytest.raises(NotFoundError):
        drop_month(months_url, FEBRUARY.later(1_000))


@pytest.mark.sqlite
def test_a_copy_of_a_dropped_archive_brings_the_month_back(months_url: str, tmp_path: Path) -> None:
    """With its totals counted once."""
    before, stats = dump(months_url), totals(months_url)
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    kept = tmp_path / "kept.tandem"
    kept.write_bytes(archive.read_bytes())
    drop_month(months_url, FEBRUARY)

    attach_month(months_url, kept)

    assert totals(months_url) == stats
    assert dump(months_url) == before


@pytest.mark.postgresql
def test_an_update_that_was_under_way_does_not_bring_content_back(months_url: str) -> None:
    """It had read the run before; what it would write is what was forgotten."""

    def forget_meanwhile(run: RunRecord) -> RunRecord:
        forget_content(months_url, FEBRUARY)
        return run.changed(detail="read before")

    with open_store(months_url) as store:
        with pytest.raises(ContentForgottenError), store.begin() as tx:
            tx.runs.update(run_id(FEBRUARY, 2), forget_meanwhile)

    assert blobs(months_url) == [b""] * EACH


@pytest.mark.sqlite
def test_a_stream_passes_over_what_was_forgotten_if_asked(months_url: str) -> None:
    """Without that it ends at the first such run."""
    forget_content(months_url, FEBRUARY)

    with open_store(months_url) as store, store.read() as tx:
        assert len(list(tx.runs.iterate(skip_forgotten=True))) == 2 * EACH
        with pytest.raises(ContentForgottenError) as refused:
            list(tx.runs.iterate())
    assert refused.value.run_id.startswith("2020-02-")


@pytest.mark.sqlite
def test_a_copy_of_the_store_leaves_the_archive_of_the_original(
    months_url: str, tmp_path: Path, new_database_on: NewDatabase
) -> None:
    """The original may need it still."""
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    other = new_database_on("sqlite")
    copy_store(months_url, other)

    dropped = drop_month(other, FEBRUARY)

    assert not dropped.removed
    assert "belongs to the store" in (dropped.left or "")
    assert drop_month(months_url, FEBRUARY).removed
    assert not archive.exists()

"""Compacting changes how documents are stored, and nothing of what is stored."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from tandem_store import MonthDetachedError, NotFoundError, StoreLockedError, open_store, tables
from tandem_store.copying import copy_store
from tandem_store.copying.parts import Batch
from tandem_store.database.locks.jobs import months_lock
from tandem_store.database.partitions import document_table
from tandem_store.doctor import examine
from tandem_store.month import Month
from tandem_store.recompression import compact_months, plan_compacting
from tests.recompression.months import (
    EACH,
    FEBRUARY,
    JANUARY,
    dictionaries_of,
    encodings,
    rows_of,
    run_of,
)
from tests.support.databases import NewDatabase
from tests.support.run_records import new_run
from tests.support.stored import all_rows, dump
from tests.support.tampering import tampering

COMPACTED = {"zstd-dict": EACH}


def test_documents_become_smaller_and_the_dump_stays(over_url: str) -> None:
    """The rows of the runs, with their revisions, stay as they are, too."""
    before, rows = dump(over_url), rows_of(over_url, tables.runs)

    report = compact_months(over_url)

    assert [(one.month, one.runs) for one in report.items] == [(JANUARY, EACH), (FEBRUARY, EACH)]
    assert all(one.bytes_after < one.bytes_before for one in report.items)
    assert report.runs == 2 * EACH
    assert encodings(over_url, JANUARY) == encodings(over_url, FEBRUARY) == COMPACTED
    assert dump(over_url) == before
    assert rows_of(over_url, tables.runs) == rows


def test_every_way_to_read_finds_the_same(over_url: str) -> None:
    """One by one, in order, by id, as they are stored, and by all commands that read all."""
    compact_months(over_url)

    with open_store(over_url) as store:
        for transaction in (store.read, store.begin):
            with transaction() as tx:
                assert tx.runs.get("2020-01-07") == run_of(JANUARY, 7)
                runs = list(tx.runs.iterate(newest_first=False))
                assert [run.run_id for run in runs] == [s.run_id for s in tx.runs.documents_by_id()]
                raw = tx.runs.document("2020-02-03")
                assert raw is not None
                assert raw.raw()["record"]["runtime_context"]["routines"] == []
                assert list(tx.runs.damaged()) == []
    report = examine(over_url, deep=True)
    assert [one.code for one in report.findings if one.severity == "error"] == []
    assert report.checked["dictionaries"] == len(dictionaries_of(over_url)[0]) > 0


def test_a_second_call_finds_nothing_to_do(over_url: str) -> None:
    """And writes nothing."""
    compact_months(over_url)
    rows = all_rows(over_url)

    assert plan_compacting(over_url) == []
    assert compact_months(over_url).items == []
    assert all_rows(over_url) == rows


def test_a_run_that_is_updated_is_stored_as_ever_and_taken_up_again(over_url: str) -> None:
    """It moves to the month of its update; one that is written late stays in its month."""
    compact_months(over_url)
    (number,) = dictionaries_of(over_url)[0]
    with open_store(over_url) as store, store.begin() as tx:
        tx.runs.update("2020-01-01", lambda run: run.changed(detail="late"))
        changed = run_of(JANUARY, 2).changed(detail="written again")
        tx.runs.save(changed, force=True)
        tx.runs.add(run_of(JANUARY, 90))
    before = dump(over_url)
    assert encodings(over_url) == {"zstd-dict": EACH - 2, "zstd-1": 2}

    report = compact_months(over_url)

    assert [(one.month, one.runs) for one in report.items] == [(JANUARY, 2)]
    assert encodings(over_url) == {"zstd-dict": EACH}
    assert dump(over_url) == before
    assert dictionaries_of(over_url)[0] == {number}, "two documents do not pay for a dictionary"


def test_months_are_compacted_once_they_have_been_over_for_a_week(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names a month need not wait."""
    now = time.time_ns() // 1_000_000
    with open_store(store_url) as store, store.begin() as tx:
        runs = [
            run_of(JANUARY, number, created_at_ms=now, updated_at_ms=now) for number in range(EACH)
        ]
        tx.runs.add_many(runs)
    month = Month.of_ms(now)
    end = _end_ms(month)
    days = 24 * 3_600 * 1_000
    for at, wanted in ((end + 7 * days - 1, []), (end + 7 * days, [month])):
        monkeypatch.setattr("tandem_store.recompression.plan.now_ms", lambda at=at: at)
        assert [one.month for one in plan_compacting(store_url)] == wanted
    monkeypatch.undo()
    assert plan_compacting(store_url) == []

    assert compact_months(store_url, [month]).runs == EACH


def _end_ms(month: Month) -> int:
    """The first millisecond after a month."""
    at = time.time_ns() // 1_000_000
    while Month.of_ms(at) == month:
        at += 3_600_000
    return at - at % 86_400_000


def test_only_the_months_that_are_named(over_url: str) -> None:
    """Named twice is named once."""
    report = compact_months(over_url, [FEBRUARY, FEBRUARY])

    assert [one.month for one in report.items] == [FEBRUARY]
    assert encodings(over_url) == {"zstd-1": EACH}


def test_a_month_that_there_is_not_is_refused(over_url: str) -> None:
    """Nothing is compacted then, not even the others."""
    with pytest.raises(NotFoundError, match=r"no month 1999-01.*months list"):
        compact_months(over_url, [JANUARY, Month(1999, 1)])
    with pytest.raises(NotFoundError):
        plan_compacting(over_url, [Month(1999, 1)])

    assert encodings(over_url) == {"zstd-1": EACH}


def test_a_detached_month_is_refused_if_it_is_named(store_url: str) -> None:
    """Otherwise it is passed over."""
    with open_store(store_url) as store:
        store.ensure_months([JANUARY])
    with tampering(store_url) as connection:
        connection.execute(update(tables.months).values(state="detached"))

    assert plan_compacting(store_url) == []
    with pytest.raises(MonthDetachedError, match="2020-01 was detached"):
        compact_months(store_url, [JANUARY])


def test_runs_that_have_not_ended_are_compacted_too(store_url: str) -> None:
    """A worker finds and finishes them as before."""
    with open_store(store_url) as store:
        with store.begin() as tx:
            tx.runs.add_many([run_of(JANUARY, n, status="queued") for n in range(EACH)])

        assert compact_months(store_url).runs == EACH

        with store.begin() as tx:
            claim = tx.runs.claim_next("w", timedelta(minutes=1))
            assert claim is not None
            tx.runs.finish(claim, lambda run: run.changed(status="completed"))
    assert encodings(store_url) == {"zstd-dict": EACH - 1}


def test_few_runs_are_left_as_they_are(store_url: str) -> None:
    """A dictionary would take more than it saves."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many([run_of(JANUARY, 1), new_run("b", **_times(1)), new_run("c", **_times(2))])

    (item,) = compact_months(store_url).items

    assert (item.runs, item.bytes_after) == (0, item.bytes_before)
    assert dictionaries_of(store_url) == (set(), set())


def _times(number: int) -> dict[str, int]:
    created = run_of(JANUARY, number).created_at_ms
    return {"created_at_ms": created, "updated_at_ms": created}


def test_a_document_that_cannot_be_read_stays_as_it_is(over_url: str) -> None:
    """Nothing could be compared with it; the others are compacted."""
    spoil(over_url, "2020-01-05", b"\xff" * 60)

    first, second = compact_months(over_url).items

    assert (first.runs, first.damaged, second.damaged) == (EACH - 1, 1, 0)
    assert encodings(over_url) == {"zstd-dict": EACH - 1, "zstd-1": 1}


def spoil(url: str, run_id: str, document: bytes, month: Month = JANUARY) -> None:
    """Write other bytes into a document."""
    with tampering(url, references=False) as connection:
        table = document_table(connection, month)
        connection.execute(
            update(table)
            .where(table.c.run_id == run_id, table.c.month == month)
            .values(document=document)
        )


def test_documents_that_are_not_compressed_are_taken_up(over_url: str) -> None:
    """The other encoding that can be read."""
    before = dump(over_url)
    with open_store(over_url) as store, store.read() as tx:
        stored = tx.runs.document("2020-01-03")
        assert stored is not None
    with tampering(over_url) as connection:
        table = document_table(connection, JANUARY)
        row = (table.c.run_id == "2020-01-03") & (table.c.month == JANUARY)
        values = {"encoding": "json", "document": stored.document}
        connection.execute(update(table).where(row).values(values))

    compact_months(over_url)

    assert encodings(over_url) == COMPACTED
    assert dump(over_url) == before


def test_a_dictionary_is_forgotten_by_the_job_after_the_one_that_unlists_it(over_url: str) -> None:
    """A reader that has just read a document may be about to read its dictionary."""
    compact_months(over_url, [JANUARY])
    (number,), listed = dictionaries_of(over_url)
    assert listed == {(JANUARY, number)}
    with open_store(over_url) as store, store.begin() as tx:
        for one in range(EACH):
            tx.runs.delete(f"2020-01-{one:02}")

    compact_months(over_url, [JANUARY])
    assert dictionaries_of(over_url) == ({number}, set())

    compact_months(over_url, [JANUARY])
    assert dictionaries_of(over_url) == (set(), set())


def test_a_dictionary_that_one_document_needs_stays(over_url: str) -> None:
    """However many jobs come after."""
    compact_months(over_url)
    known = dictionaries_of(over_url)
    with open_store(over_url) as store, store.begin() as tx:
        for one in range(1, EACH):
            tx.runs.delete(f"2020-01-{one:02}")

    for _ in range(3):
        compact_months(over_url)

    assert dictionaries_of(over_url) == known
    with open_store(over_url) as store, store.read() as tx:
        assert tx.runs.get("2020-01-00") == run_of(JANUARY, 0)


def test_one_job_at_a_time(over_url: str) -> None:
    """Two would train and write the same twice. Services and imports are not kept away."""
    with months_lock(over_url), pytest.raises(StoreLockedError, match="already"):
        compact_months(over_url)


@pytest.mark.parametrize("way", ["sqlite", "postgresql"])
def test_a_copy_has_the_dictionaries(over_url: str, way: str, new_database_on: NewDatabase) -> None:
    """From either database to either."""
    compact_months(over_url)
    target = new_database_on(way)

    report = copy_store(over_url, target)

    assert report.differences == []
    assert dump(target) == dump(over_url)
    assert dictionaries_of(target) == dictionaries_of(over_url)
    assert encodings(target, FEBRUARY) == COMPACTED


@pytest.mark.parametrize("batch", [Batch(rows=1), Batch(rows=7), Batch(size=1)])
def test_the_size_of_batches_makes_no_difference(over_url: str, batch: Batch) -> None:
    """Progress counts every document once."""
    told: list[tuple[str, int, int]] = []

    report = compact_months(over_url, batch=batch, progress=lambda *one: told.append(one))

    assert report.runs == 2 * EACH
    assert told[-1] == ("compacting", 2 * EACH, 2 * EACH)
    done = [count for phase, count, _ in told if phase == "compacting"]
    assert done == sorted(set(done))

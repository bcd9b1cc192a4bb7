"""Old months leave, the newest stay, and what has left is dropped when its time is over."""

from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tandem_store import Month, drop_month, open_store, plan_retention, retain_months, tables
from tandem_store.clock import now_ms
from tandem_store.month import MILLISECONDS_PER_DAY
from tests.archiving.months import EACH, FEBRUARY, JANUARY, MARCH, MONTHS, run_of, totals
from tests.support.databases import file_of
from tests.support.run_records import new_run
from tests.support.stored import dump
from tests.support.tampering import tampering


def add_current(url: str) -> Month:
    """Add a run of the current month, and one of the month before."""
    at = now_ms()
    before = Month.of_ms(at).later(-1)
    with open_store(url) as store, store.begin() as tx:
        tx.runs.add(new_run("now", created_at_ms=at, updated_at_ms=at))
        earlier = at
        while Month.of_ms(earlier) != before:
            earlier -= MILLISECONDS_PER_DAY
        tx.runs.add(new_run("before", created_at_ms=earlier, updated_at_ms=earlier))
    return Month.of_ms(at)


def test_the_newest_months_stay(months_url: str, tmp_path: Path) -> None:
    """The current one among them; empty ones are left alone; the plan says what will happen."""
    current = add_current(months_url)
    stats, before = totals(months_url), dump(months_url)

    plan = plan_retention(months_url, keep=2, archive_to=tmp_path)

    assert dump(months_url) == before
    assert [(one.action, one.month, one.runs) for one in plan.steps] == [
        ("detach", month, EACH) for month in MONTHS
    ]
    assert all(one.bytes > 0 for one in plan.steps)
    assert current in plan.kept
    assert current.later(-1) in plan.kept
    report = retain_months(months_url, plan)
    assert [one.month for one in report.detached] == list(MONTHS)
    assert (report.dropped, report.blocked) == ([], [])
    assert sorted(path.name for path in tmp_path.glob("*.tandem")) == [
        f"{month}.tandem" for month in MONTHS
    ]
    assert totals(months_url) == stats
    assert plan_retention(months_url, keep=2).steps == ()
    only_current = plan_retention(months_url, keep=1, archive_to=tmp_path)
    assert [one.month for one in only_current.steps] == [current.later(-1)]


def test_what_is_detached_is_dropped_when_its_time_is_over(months_url: str, tmp_path: Path) -> None:
    """By a later call, and only if it was detached with that intention."""
    plan = plan_retention(months_url, keep=1, archive_to=tmp_path, drop_after=timedelta(days=7))
    retain_months(months_url, plan)
    assert plan_retention(months_url).steps == ()
    with tampering(months_url) as connection:
        due = tables.archives.c.month != MARCH
        connection.execute(update(tables.archives).where(due).values(drop_due_at_ms=1))

    plan = plan_retention(months_url)

    assert [(one.action, one.month) for one in plan.steps] == [
        ("drop", JANUARY),
        ("drop", FEBRUARY),
    ]
    report = retain_months(months_url, plan)
    assert [(one.month, one.removed) for one in report.dropped] == [
        (JANUARY, True),
        (FEBRUARY, True),
    ]
    assert [path.name for path in tmp_path.glob("*.tandem")] == ["2020-03.tandem"]


def test_a_blocked_month_does_not_keep_the_others(months_url: str, tmp_path: Path) -> None:
    """Its runs are named; also if something came to block it after the plan was made."""
    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.save(run_of(JANUARY, 2, status="running"), force=True)
    plan = plan_retention(months_url, keep=1, archive_to=tmp_path)
    assert [(one.month, one.blocked_by[0].code) for one in plan.blocked] == [(JANUARY, "not_ended")]
    assert plan.blocked[0].blocked_by[0].run_ids == ("2020-01-2",)
    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.save(run_of(FEBRUARY, 2, status="paused"), force=True)

    report = retain_months(months_url, plan)

    assert [one.month for one in report.detached] == [MARCH]
    assert [one.month for one in report.blocked] == [JANUARY, FEBRUARY]
    assert "2020-02-2" in report.blocked[1].blocked_by[0].what


@pytest.mark.sqlite
def test_archives_lie_beside_the_store_unless_told_otherwise(months_url: str) -> None:
    """In a folder of their own."""
    retain_months(months_url, plan_retention(months_url, keep=1))

    folder = file_of(months_url).parent / "tandem-store-archives"
    assert {path.name for path in folder.iterdir()} == {f"{month}.tandem" for month in MONTHS}


@pytest.mark.sqlite
def test_impossible_wishes_are_refused(months_url: str) -> None:
    """Before anything is read."""
    for keep in (0, 12_001):
        with pytest.raises(ValueError, match="keep is 1"):
            plan_retention(months_url, keep=keep)
    with pytest.raises(ValueError, match="negative"):
        plan_retention(months_url, keep=1, drop_after=timedelta(days=-1))


def test_an_archive_that_cannot_be_removed_does_not_keep_the_others(
    months_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its month is dropped nevertheless, and the message says how to remove the file later."""
    plan = plan_retention(months_url, keep=1, archive_to=tmp_path, drop_after=timedelta(0))
    retain_months(months_url, plan)
    locked, unlink = tmp_path / "2020-01.tandem", Path.unlink

    def refused(path: Path, **named: bool) -> None:
        if path == locked:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        unlink(path, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        report = retain_months(months_url, plan_retention(months_url))

    assert [one.month for one in report.dropped] == [FEBRUARY, MARCH]
    (left,) = report.blocked
    assert f"2020-01 was dropped, but its archive {locked} cannot be" in left.blocked_by[0].what
    assert [path.name for path in tmp_path.glob("*.tandem")] == ["2020-01.tandem"]
    assert drop_month(months_url, JANUARY).removed
    assert not locked.exists()

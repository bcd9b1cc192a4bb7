"""No figure about the past changes, whatever is done to the months."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem_store import (
    ConflictError,
    InvalidFilterError,
    RunFilter,
    StoreError,
    attach_month,
    detach_month,
    drop_month,
    forget_content,
    open_store,
)
from tandem_store.month import Month
from tests.archiving.months import (
    EACH,
    FEBRUARY,
    JANUARY_MS,
    MONTHS,
    run_id,
    run_of,
    totals,
)
from tests.support.stored import bare_connection

#: What can be asked of totals, each answered as if every run were there.
FILTERS = (
    RunFilter(),
    RunFilter(status="failed"),
    RunFilter(automation_id={"auto-1", "nobody"}),
    RunFilter(trigger_type="manual", org_id="acme"),
    RunFilter(terminal=True, workspace_id="local"),
    RunFilter(
        created_from=datetime(2020, 1, 6, tzinfo=UTC), created_to=datetime(2020, 2, 6, tzinfo=UTC)
    ),
)
STEPS = ("detach", "attach", "forget", "drop")


def answers(url: str) -> list[list[tuple[object, ...]]]:
    """Every filter's statistics."""
    with open_store(url) as store, store.read() as tx:
        return [
            [
                (one.month, one.status, one.runs, one.total_tokens, one.estimated_cost_usd)
                for one in tx.runs.stats(run_filter)
            ]
            for run_filter in FILTERS
        ]


def by_day(url: str) -> list[tuple[object, ...]]:
    """Runs and tokens by day, by the view."""
    query = (
        "SELECT day, status, sum(runs), sum(total_tokens) FROM totals_by_day "
        "GROUP BY day, status ORDER BY day, status"
    )
    with bare_connection(url) as connection:
        return [tuple(map(str, row)) for row in connection.execute(query).fetchall()]


def take(url: str, step: str, month: Month, folder: Path) -> None:
    """Do one thing to a month, if it can be done."""
    with suppress(StoreError):
        if step == "detach":
            detach_month(url, month, folder)
        elif step == "forget":
            forget_content(url, month)
        elif step == "drop":
            drop_month(url, month)
        else:
            archive = folder / f"{month}.tandem"
            attach_month(url, archive)
            archive.unlink()


@contextmanager
def copied(file: Path) -> Iterator[tuple[str, Path]]:
    """A copy of the store, and a folder for its archives."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(file, folder / "store.db")
        yield f"sqlite:///{folder / 'store.db'}", folder


@settings(max_examples=12)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(MONTHS)), max_size=9))
def test_no_sequence_of_steps_changes_a_figure(
    months_file: Path, steps: list[tuple[str, Month]]
) -> None:
    """Detached, attached, forgotten and dropped in any order, by every filter and by day."""
    with copied(months_file) as (url, folder):
        before, days = answers(url), by_day(url)
        for step, month in steps:
            take(url, step, month, folder)
            assert answers(url) == before
            assert by_day(url) == days


def test_the_same_on_either_database(months_url: str, tmp_path: Path) -> None:
    """One sequence that has everything in it."""
    before, days = answers(months_url), by_day(months_url)
    for step, month in zip(
        ("detach", "detach", "forget", "drop", "attach", "detach"),
        (*MONTHS[:2], MONTHS[2], *MONTHS[:2], MONTHS[2]),
        strict=True,
    ):
        take(months_url, step, month, tmp_path)
        assert answers(months_url) == before
        assert by_day(months_url) == days


def test_no_run_is_counted_twice_when_older_archives_come_back(
    months_url: str, tmp_path: Path
) -> None:
    """After their month was dropped with another archive; of some of its runs, none comes back."""
    before = answers(months_url)
    content = forget_content(months_url, FEBRUARY, archive_to=tmp_path / "content").archive
    detach_month(months_url, FEBRUARY, tmp_path)
    drop_month(months_url, FEBRUARY)

    assert content is not None
    attach_month(months_url, content)
    assert answers(months_url) == before

    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.add(run_of(FEBRUARY, 1, run_id="later"))
    before = answers(months_url)
    detach_month(months_url, FEBRUARY, tmp_path)
    drop_month(months_url, FEBRUARY)
    with pytest.raises(ConflictError, match="count twice"):
        attach_month(months_url, content)
    assert answers(months_url) == before


def test_sums_beyond_64_bits_are_kept(months_url: str, tmp_path: Path) -> None:
    """In as many rows as they need."""
    with open_store(months_url) as store, store.begin() as tx:
        for number in (0, 4):
            huge = run_of(
                FEBRUARY,
                number,
                total_tokens=2**63 - 1,
                created_at_ms=JANUARY_MS,
                automation_id="a",
            )
            tx.runs.save(huge, force=True)
    before = totals(months_url)

    detach_month(months_url, FEBRUARY, tmp_path)

    assert totals(months_url) == before
    assert sum(tokens for _, tokens, _ in before.values()) > 2**64 - 2


def test_large_costs_keep_their_digits(months_url: str, tmp_path: Path) -> None:
    """A float has 17 digits at most, and a decimal of PostgreSQL that is made of one 15."""
    with open_store(months_url) as store, store.begin() as tx:
        for number, cost in ((0, 4_000_000.25), (4, 123.000_000_123)):
            run = run_of(FEBRUARY, number, estimated_cost_usd=cost, created_at_ms=JANUARY_MS)
            tx.runs.save(run.changed(automation_id="a"), force=True)
    before = totals(months_url)

    detach_month(months_url, FEBRUARY, tmp_path)

    assert totals(months_url) == before


#: In February: half of a day on which runs were created.
FEBRUARY_NOON = datetime(2020, 2, 5, 12, tzinfo=UTC)


def test_what_totals_do_not_know_is_refused(months_url: str, tmp_path: Path) -> None:
    """Only if they are about any run that may pass; and never if they are not asked for."""
    unknown: tuple[tuple[RunFilter, dict[str, str]], ...] = (
        (RunFilter(text="2020-01"), {}),
        (RunFilter(stop_kind="cancelled"), {}),
        (RunFilter(updated_from=FEBRUARY_NOON), {}),
        (RunFilter(finished_to=FEBRUARY_NOON), {}),
        (RunFilter(created_from=FEBRUARY_NOON), {}),
        (RunFilter(created_to=FEBRUARY_NOON), {}),
        (RunFilter(), {"by": "profile"}),
        (RunFilter(), {"by": "week", "time": "updated"}),
    )
    with open_store(months_url) as store:
        with store.read() as tx:
            attached = [tx.runs.stats(one, **question) for one, question in unknown]
        detach_month(months_url, FEBRUARY, tmp_path)
        with store.read() as tx:
            for run_filter, question in unknown:
                with pytest.raises(InvalidFilterError, match="attached_only"):
                    tx.runs.stats(run_filter, **question)
                tx.runs.stats(run_filter, attached_only=True, **question)
    assert sum(one.runs for one in attached[0]) > 0


def test_totals_about_other_runs_refuse_nothing(months_url: str, tmp_path: Path) -> None:
    """The last 30 days are the same question, whatever left years ago."""
    march = datetime(2020, 3, 3, 12, tzinfo=UTC)
    questions: tuple[tuple[RunFilter, dict[str, str]], ...] = (
        (RunFilter(created_from=march, text="2020"), {"by": "profile"}),
        (RunFilter(created_from=march), {}),
        (RunFilter(created_to=datetime(2020, 2, 2, 12, tzinfo=UTC)), {}),
        (RunFilter(created_from=datetime(2020, 2, 20, 12, tzinfo=UTC)), {"by": "day"}),
        (RunFilter(updated_from=march), {"by": "week", "time": "updated"}),
        (RunFilter(automation_id="nobody"), {"by": "profile"}),
        (RunFilter(), {"by": "automation", "time": "updated"}),
    )
    with open_store(months_url) as store:
        with store.read() as tx:
            before = [tx.runs.stats(one, **question) for one, question in questions]
        detach_month(months_url, FEBRUARY, tmp_path)
        with store.read() as tx:
            after = [tx.runs.stats(one, **question) for one, question in questions]

    assert after[:6] == before[:6]
    # What did leave is counted where the time of the last update does not matter.
    for one, other in zip(after[6], before[6], strict=True):
        assert (one.runs, one.detached) == (other.runs, EACH // 2)


def test_every_key_that_totals_know_counts_what_left(months_url: str, tmp_path: Path) -> None:
    """In the same groups as before."""
    keys = ("day", "week", "month", "automation", "tenant", "trigger", "status")
    with open_store(months_url) as store:
        with store.read() as tx:
            before = tx.runs.stats(by=keys)
        detach_month(months_url, FEBRUARY, tmp_path)
        with store.read() as tx:
            after = tx.runs.stats(by=keys)

    assert [
        replace(one, duration_p50_ms=None, duration_p95_ms=None, detached=0) for one in after
    ] == [replace(one, duration_p50_ms=None, duration_p95_ms=None) for one in before]
    assert sum(one.detached for one in after) == EACH


def test_what_left_is_marked(months_url: str, tmp_path: Path) -> None:
    """How many of the runs are not in the store, also where some came back."""
    detach_month(months_url, FEBRUARY, tmp_path)
    drop_month(months_url, FEBRUARY)
    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.add(run_of(FEBRUARY, 0))

    with open_store(months_url) as store, store.read() as tx:
        february = [one for one in tx.runs.stats() if one.month == FEBRUARY]
        others = [one for one in tx.runs.stats() if one.month != FEBRUARY]
    assert sum(one.runs for one in february) == EACH + 1
    assert sum(one.detached for one in february) == EACH
    assert all(one.detached == 0 for one in others)
    assert run_id(FEBRUARY, 0) == "2020-02-0"

"""Statistics equal what a plain loop over the runs adds up, by every key and every time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem_store import (
    InvalidFilterError,
    NotAStoreError,
    RunFilter,
    RunRecord,
    RunStatistics,
    Store,
    detach_month,
    drop_month,
    open_store,
)
from tandem_store.month import LAST_MILLISECOND, Month
from tandem_store.records.statistics_keys import PERIODS, StatisticsKey, StatisticsTime
from tests.support.databases import NewStore
from tests.support.legacy_runs import CREATED_MS, HOUR_MS, LOCAL_TENANT, MONTH_MS
from tests.support.run_records import add_all, new_run

DAY_MS = 24 * HOUR_MS
#: 2020-01-27T00:00:00Z, a Monday. The last week of January ends in February.
MONDAY_MS = 1_580_083_200_000
ENDED = {"completed", "failed", "cancelled", "blocked"}
TENANTS = (
    LOCAL_TENANT,
    LOCAL_TENANT | {"org_id": "acme"},
    LOCAL_TENANT | {"org_id": "acme", "deployment_id": "east"},
)
#: A run without a given run_id: values that often agree, and times around the ends of periods.
A_RUN = st.fixed_dictionaries(
    {
        "created_at_ms": st.integers(-2, 9).map(lambda days: MONDAY_MS + days * DAY_MS)
        | st.integers(0, 40).map(lambda hours: MONDAY_MS + 5 * DAY_MS - 1 + hours * HOUR_MS),
        "later_ms": st.sampled_from((0, 1, DAY_MS, 20 * DAY_MS)),
        "started_at_ms": st.none() | st.just(MONDAY_MS),
        "length_ms": st.none() | st.sampled_from((-1, 0, 5, 5, 1_000, 20 * DAY_MS)),
        "automation_id": st.sampled_from(("a", "b", "B\0")),
        "tenant_context": st.sampled_from(TENANTS),
        "trigger_type": st.sampled_from(("manual", "webhook")),
        "status": st.sampled_from(
            ("completed", "failed", "cancelled", "blocked", "completed", "queued")
        ),
        "effective_execution_profile": st.sampled_from(("strict", "yolo")),
        "prompt_tokens": st.sampled_from((0, 7, 2**63 - 1)),
        "completion_tokens": st.integers(0, 9),
        "total_tokens": st.sampled_from((0, 11, 2**63 - 1)),
        "estimated_cost_usd": st.sampled_from((0.0, 0.1, 0.2, 123.456789)),
    }
)
QUESTIONS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(StatisticsKey), unique=True, max_size=5),
        st.sampled_from(StatisticsTime),
    ),
    min_size=1,
    max_size=8,
)


def record(number: int, fields: dict[str, Any]) -> RunRecord:
    """One of the drawn runs."""
    values = dict(fields)
    length, started = values.pop("length_ms"), values["started_at_ms"]
    updated = values["created_at_ms"] + values.pop("later_ms")
    if values["status"] == "queued" and Month.of_ms(updated) != Month(2020, 2):
        values["status"] = "failed"  # a month with a run that has not ended cannot be detached
    return new_run(
        f"r{number}",
        **values,
        updated_at_ms=updated,
        finished_at_ms=None if length is None else (started or MONDAY_MS) + length,
    )


def month_of(run: RunRecord) -> Month:
    """The month that a run leaves with."""
    return Month.of_ms(max(run.created_at_ms, run.updated_at_ms))


def values_of(run: RunRecord, keys: Iterable[StatisticsKey], time: str) -> tuple[Any, ...]:
    """The values of the keys, as entries have them."""
    at_ms = getattr(run, f"{time}_at_ms")
    day = None if at_ms is None else datetime.fromtimestamp(at_ms / 1_000, UTC).date()
    tenant = run.tenant_context
    found: dict[str, tuple[Any, ...]] = {
        "day": (day,),
        "week": (day and day - timedelta(days=day.weekday()),),
        "month": (day and Month(day.year, day.month),),
        "automation": (run.automation_id,),
        "tenant": (tenant.org_id, tenant.workspace_id, tenant.deployment_id),
        "trigger": (run.trigger_type,),
        "status": (run.status.value,),
        "profile": (run.effective_execution_profile.value,),
    }
    return tuple(value for key in keys for value in found[key])


def names_of(keys: Iterable[StatisticsKey]) -> list[str]:
    """The fields of an entry that the keys are in."""
    names = {
        "automation": ["automation_id"],
        "tenant": ["org_id", "workspace_id", "deployment_id"],
        "trigger": ["trigger_type"],
        "profile": ["execution_profile"],
    }
    return [name for key in keys for name in names.get(key, [key])]


def expected(
    runs: Iterable[RunRecord], left: set[Month], keys: list[StatisticsKey], time: str
) -> list[tuple[Any, ...]]:
    """What a loop adds up; the runs of months that left have no durations any more."""
    groups: dict[tuple[Any, ...], list[RunRecord]] = defaultdict(list)
    for run in runs:
        groups[values_of(run, keys, time)].append(run)
    return [
        (
            values,
            len(group),
            sum(run.prompt_tokens for run in group),
            sum(run.completion_tokens for run in group),
            sum(run.total_tokens for run in group),
            pytest.approx(sum(run.estimated_cost_usd for run in group), abs=1e-9),
            success(group),
            *percentiles(run for run in group if month_of(run) not in left),
            sum(month_of(run) in left for run in group),
        )
        for values, group in sorted(groups.items(), key=lambda item: none_last(item[0]))
    ]


def none_last(values: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """A key to sort by."""
    return [(value is None, value) for value in values]


def success(runs: list[RunRecord]) -> float | None:
    """The share of completed runs among those that have ended."""
    statuses = [run.status.value for run in runs if run.status.value in ENDED]
    return statuses.count("completed") / len(statuses) if statuses else None


def percentiles(runs: Iterable[RunRecord]) -> tuple[int | None, int | None]:
    """The durations at n // 2 and at ceil(0.95 n) - 1."""
    times = [(run.started_at_ms, run.finished_at_ms) for run in runs]
    durations = sorted(
        finished - started
        for started, finished in times
        if started is not None and finished is not None and finished >= started
    )
    if not durations:
        return None, None
    return durations[len(durations) // 2], durations[ceil(len(durations) * 95 / 100) - 1]


def found(entries: Iterable[RunStatistics], keys: list[StatisticsKey]) -> list[tuple[Any, ...]]:
    """Entries in the same form."""
    return [
        (
            tuple(getattr(one, name) for name in names_of(keys)),
            one.runs,
            one.prompt_tokens,
            one.completion_tokens,
            one.total_tokens,
            one.estimated_cost_usd,
            one.success_rate,
            one.duration_p50_ms,
            one.duration_p95_ms,
            one.detached,
        )
        for one in entries
    ]


def answerable(keys: list[StatisticsKey], time: StatisticsTime) -> bool:
    """Whether totals know enough."""
    is_timely = time == "created" or not PERIODS.intersection(keys)
    return is_timely and StatisticsKey.PROFILE not in keys


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(A_RUN, min_size=1, max_size=25),
    questions=QUESTIONS,
    steps=st.lists(st.sampled_from(("detach", "drop", "keep")), min_size=4, max_size=4),
)
def test_statistics_equal_a_plain_loop(
    new_store: NewStore,
    drawn: list[dict[str, Any]],
    questions: list[tuple[list[StatisticsKey], StatisticsTime]],
    steps: list[str],
) -> None:
    """Whatever the keys, and with months detached and dropped."""
    url = new_store()
    runs = [record(number, fields) for number, fields in enumerate(drawn)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        with open_store(url) as store:
            add_all(store, runs)
            with store.read() as tx:
                for keys, time in questions:
                    answer = tx.runs.stats(by=keys, time=time)
                    assert found(answer, keys) == expected(runs, set(), keys, time)
        left = take(url, folder, removable(runs), steps)
        with open_store(url) as store, store.read() as tx:
            stay = [run for run in runs if month_of(run) not in left]
            for keys, time in questions:
                answer = tx.runs.stats(by=keys, time=time, attached_only=True)
                assert found(answer, keys) == expected(stay, set(), keys, time)
                if answerable(keys, time):
                    answer = tx.runs.stats(by=keys, time=time)
                    assert found(answer, keys) == expected(runs, left, keys, time)
                elif left:
                    with pytest.raises(InvalidFilterError, match="totals by day of creation"):
                        tx.runs.stats(by=keys, time=time)


def removable(runs: list[RunRecord]) -> list[Month]:
    """The months that can leave: those without a run that has not ended."""
    still_open = {month_of(run) for run in runs if run.status.value not in ENDED}
    return sorted({month_of(run) for run in runs} - still_open)


def take(url: str, folder: Path, months: list[Month], steps: list[str]) -> set[Month]:
    """Detach and drop months; return those that left."""
    left = set()
    for month, step in zip(months, steps, strict=False):
        if step != "keep":
            detach_month(url, month, folder)
            left.add(month)
        if step == "drop":
            drop_month(url, month)
    return left


def test_a_note_on_an_old_run_does_not_move_its_cost(store: Store) -> None:
    """The month is that of its creation, unless another time is named."""
    with store.begin() as tx:
        tx.runs.add(new_run("old", estimated_cost_usd=2.5))

    with store.begin() as tx:
        later = CREATED_MS + 3 * MONTH_MS
        tx.runs.save(new_run("old", estimated_cost_usd=2.5, updated_at_ms=later), force=True)

    with store.read() as tx:
        (created,) = tx.runs.stats()
        (updated,) = tx.runs.stats(time="updated")
    assert (created.month, created.estimated_cost_usd) == (Month(2026, 5), 2.5)
    assert updated.month == Month(2026, 8)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 19, 20, 21, 100])
def test_percentiles_are_durations_of_runs(store: Store, count: int) -> None:
    """By nearest rank, and never between two of them."""
    runs = [
        new_run(f"r{n}", started_at_ms=CREATED_MS, finished_at_ms=CREATED_MS + 10 * n)
        for n in range(count)
    ]
    add_all(store, runs)

    with store.read() as tx:
        (entry,) = tx.runs.stats(by=())
    assert entry.duration_p50_ms == 10 * (count // 2)
    assert entry.duration_p95_ms == 10 * (ceil(count * 95 / 100) - 1)


@pytest.mark.parametrize("at_ms", [0, 4 * DAY_MS - 1, 4 * DAY_MS, CREATED_MS, LAST_MILLISECOND])
def test_periods_are_right_from_1970_to_9999(store: Store, at_ms: int) -> None:
    """At both ends of the calendar, and where the first whole week begins."""
    run = new_run("r", created_at_ms=at_ms, updated_at_ms=at_ms)
    add_all(store, [run])

    with store.read() as tx:
        (entry,) = tx.runs.stats(by=["day", "week", "month"])
    day = datetime.fromtimestamp(at_ms // 1_000, UTC).date()
    assert (entry.day, entry.month) == (day, Month(day.year, day.month))
    assert entry.week is not None
    assert entry.week.weekday() == 0
    assert timedelta(0) <= day - entry.week < timedelta(days=7)


def test_what_is_not_asked_for_is_not_told_apart(store: Store) -> None:
    """A key is none unless it was named; a name twice is once, and a text is one name."""
    add_all(store, [new_run("a"), new_run("b", status="failed", automation_id="auto-2")])

    with store.read() as tx:
        assert tx.runs.stats(RunFilter(status="queued"), by=()) == ()
        (entry,) = tx.runs.stats(by=["trigger", "trigger"])
        (same,) = tx.runs.stats(by="trigger")
        answers = [tx.runs.stats(by=key) for key in StatisticsKey]
    assert entry == same
    assert (entry.trigger_type, entry.status, entry.month) == ("manual", None, None)
    assert all(sum(one.runs for one in answer) == 2 for answer in answers)
    automations = [one.automation_id for one in answers[3]]
    assert all(one < other for one, other in pairwise(map(str, automations)))


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"by": "hour"}, "no key 'hour'. There are day, week, month, automation"),
        ({"by": ["day", "month,status"]}, "no key 'month,status'"),
        ({"time": "ended"}, "no time 'ended'. There are created, updated"),
    ],
)
def test_keys_and_times_that_do_not_exist_are_refused(
    store: Store, question: dict[str, Any], message: str
) -> None:
    """By name, with those that there are."""
    with store.read() as tx, pytest.raises(InvalidFilterError, match=message):
        tx.runs.stats(**question)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("column", "value", "keys"),
    [
        ("created_at_ms", str(2**62), ["month"]),
        ("created_at_ms", str(2**62), ["day"]),
        ("duration_ms", "'soon'", ["week"]),
        ("automation_id", "x'05'", ["automation"]),
        ("deployment_id", "x'07'", ["tenant"]),
    ],
)
def test_what_cannot_be_counted_is_told_as_damage(
    store: Store, column: str, value: str, keys: list[str]
) -> None:
    """Never as an error of Python, and never counted somewhere else."""
    add_all(store, [new_run("a"), new_run("b")])
    with store.begin() as tx:
        change = f"UPDATE runs SET {column} = {value} WHERE run_id = 'b'"
        tx.connection.exec_driver_sql(change)

    with store.read() as tx, pytest.raises(NotAStoreError, match="A run cannot be counted"):
        tx.runs.stats(by=keys)

"""The filter that listing, counting and exporting share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest

from tandem_store import InvalidFilterError, StoreError
from tandem_store.records import RunFilter, RunStatus

_BOUNDS = [f"{name}_{end}" for name in ("created", "updated", "finished") for end in ("from", "to")]


@pytest.mark.parametrize("bound", _BOUNDS)
def test_a_naive_time_is_refused_by_name(bound: str) -> None:
    """A time without a zone would mean another moment on another machine."""
    given: dict[str, Any] = {bound: datetime(2026, 8, 1)}  # noqa: DTZ001

    with pytest.raises(ValueError, match=f"^{bound} has no time zone"):
        RunFilter(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"created_to": datetime(2026, 8, 1)}, "^created_to has no time zone"),  # noqa: DTZ001
        ({"status": "statsu"}, "^unknown status statsu"),
        ({"text": "x" * 1_001}, "^text has 1,001 characters; give at most 1,000"),
        ({"group": "open"}, "^unknown group open; known are active, waiting, queued, failed,"),
        ({"waits_for": {"gate"}}, "^unknown waits_for gate; known are approval, capacity,"),
        ({"execution_profile": "lax"}, "^unknown execution_profile lax; known are strict, guided"),
        ({"stuck_for": -timedelta(seconds=1)}, "^stuck_for is -1 day, 23:59:59; give at least"),
        ({"min_duration": timedelta.max}, "^min_duration is .*; give at least none and at most"),
        ({"min_cost_usd": float("nan")}, "^min_cost_usd is nan; give a number from 0"),
        ({"min_tokens": 2**63}, "^min_tokens is 9223372036854775808; give a number from 0"),
        (
            {"automation_id": map(str, range(10_000)), "trigger_type": "cron"},
            "^the filter has 10,001 names; give at most 10,000",
        ),
    ],
)
def test_a_filter_that_cannot_be_asked_is_an_error_of_the_store(given: Any, sentence: str) -> None:
    """Whoever catches those of the store catches these, and no database ever fails of it."""
    with pytest.raises(InvalidFilterError, match=sentence) as refused:
        RunFilter(**given)

    assert isinstance(refused.value, StoreError)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("field", "known"),
    [("status", "queued, running"), ("stop_kind", "cancelled, operator_stopped")],
)
def test_an_unknown_name_is_refused_with_the_known_ones(field: str, known: str) -> None:
    """A typing error would otherwise find nothing, silently."""
    given: dict[str, Any] = {field: {"failed", "Faild"} if field == "status" else "Faild"}

    with pytest.raises(ValueError, match=f"unknown {field} Faild; known are {known}"):
        RunFilter(**given)


@pytest.mark.parametrize(
    "wanted", ["failed", {"failed"}, ["failed"], RunStatus.FAILED, {RunStatus.FAILED}]
)
def test_one_name_and_a_set_of_one_mean_the_same(wanted: Any) -> None:
    """Names and enum members alike."""
    assert RunFilter(status=wanted) == RunFilter(status="failed")
    assert dict(RunFilter(status=wanted).choices()) == {"status": frozenset({"failed"})}


def test_a_filter_does_not_change_with_the_set_it_was_made_from() -> None:
    """It keeps its own copy."""
    wanted = {"a"}
    run_filter = RunFilter(automation_id=wanted)

    wanted.add("b")

    assert dict(run_filter.choices()) == {"automation_id": frozenset({"a"})}


def test_an_empty_set_fits_no_run_while_none_fits_all() -> None:
    """Nothing wanted is not the same as no condition."""
    assert dict(RunFilter(status=set()).choices()) == {"status": frozenset()}
    assert dict(RunFilter().choices()) == {}


def test_ranges_are_whole_milliseconds_half_open() -> None:
    """A bound between two milliseconds moves to the later one, at both ends."""
    at = datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    run_filter = RunFilter(
        created_from=at + timedelta(microseconds=1), created_to=at + timedelta(milliseconds=5)
    )

    assert list(run_filter.ranges()) == [("created_at_ms", 1, 5)]
    assert list(RunFilter(finished_to=datetime(1969, 12, 31, tzinfo=UTC)).ranges()) == [
        ("finished_at_ms", None, -86_400_000)
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"automation_id": 5},
        {"automation_id": {5}},
        {"automation_id": b"a"},
        {"org_id": ["acme", None]},
        {"status": 5},
        {"text": 5},
        {"text": ["a"]},
        {"terminal": "yes"},
        {"due": 1},
        {"stuck_for": 3_600},
        {"min_duration": "1h"},
        {"min_cost_usd": "1"},
        {"min_cost_usd": True},
        {"min_tokens": 1.0},
        {"created_from": "2026-08-01"},
        {"finished_to": 1_779_235_200_000},
    ],
)
def test_a_condition_of_the_wrong_type_is_refused_by_name(given: Any) -> None:
    """It would fit nothing, or be a puzzle when the question is asked."""
    with pytest.raises(TypeError, match=next(iter(given))):
        RunFilter(**given)


def test_names_may_come_from_anything_that_gives_them() -> None:
    """A generator too, which can be read only once."""
    assert RunFilter(status=(name for name in ["failed"])) == RunFilter(status="failed")  # type: ignore[arg-type]


def test_a_name_is_its_text_whatever_its_type() -> None:
    """Also an enum's whose str() is something else."""

    class Automation(str, Enum):  # noqa: UP042 - the kind whose str() is its name
        NIGHTLY = "nightly"

    assert RunFilter(automation_id=Automation.NIGHTLY) == RunFilter(automation_id="nightly")

"""What becomes of an entry that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from tandem_store.errors import LegacyFormatError
from tandem_store.legacy.recovery import recover_entry
from tandem_store.records.reading import read_run


def _recovered(**entry: Any) -> dict[str, Any]:
    return recover_entry("key", {"automation_id": "a", **entry}, error="E", now_ms=9)


def test_a_recovered_run_is_a_well_formed_blocked_one() -> None:
    """It says when, why, and under which key the damaged entry stood."""
    run = read_run(_recovered())

    assert (run.run_id, run.status, run.trigger_type) == ("key", "blocked", "recovered")
    assert (run.created_at_ms, run.updated_at_ms, run.finished_at_ms) == (9, 9, 9)
    assert run.detail == run.stop_reason
    assert run.detail == "automation run checkpoint could not be parsed during startup: E"
    assert run.checkpoint.blocked_nodes == ["checkpoint"]
    assert run.checkpoint.lifecycle_history[0].metadata == {"run_id_key": "key", "parse_error": "E"}


@pytest.mark.parametrize("blank", ["", " ", "\u3000\x85", 5, None])
def test_the_key_stands_in_for_a_blank_run_id(blank: Any) -> None:
    """Blank is what Unicode calls white space."""
    assert _recovered(run_id=blank)["run_id"] == "key"


@pytest.mark.parametrize("run_id", ["\x1c", " r ", "\u200b"])
def test_any_other_run_id_is_kept_untrimmed(run_id: str) -> None:
    """U+001C is no white space, though Python strips it."""
    assert _recovered(run_id=run_id)["run_id"] == run_id


@pytest.mark.parametrize("entry", [None, [], "x", 1])
def test_what_is_no_object_cannot_be_recovered(entry: Any) -> None:
    """There is nothing to keep."""
    with pytest.raises(LegacyFormatError, match=r"entry is not recoverable$"):
        recover_entry("key", entry, error="E", now_ms=9)


@pytest.mark.parametrize("automation_id", ["", " \u2003", None, 5])
def test_an_entry_without_an_automation_cannot_be_recovered(automation_id: Any) -> None:
    """Nobody could tell what ran."""
    with pytest.raises(LegacyFormatError, match=r"entry is missing automation_id$"):
        recover_entry("key", {"automation_id": automation_id}, error="E", now_ms=9)


def test_good_fields_outside_the_list_are_lost() -> None:
    """The engine keeps only what it lists, and so must its stand-in."""
    run = _recovered(scheduler={}, latest_session_id="s", pause_reason="p", stop_kind="panic")

    assert {"scheduler", "latest_session_id", "pause_reason", "stop_kind"}.isdisjoint(run)


def test_numbers_are_kept_only_if_they_are_of_the_right_kind() -> None:
    """A boolean is no number, a float no count; an integer is a cost."""
    run = _recovered(prompt_tokens=True, total_tokens=1.0, started_at_ms=3, estimated_cost_usd=2)

    assert (run["prompt_tokens"], run["total_tokens"], run["started_at_ms"]) == (0, 0, 3)
    assert repr(run["estimated_cost_usd"]) == "2.0"
    assert repr(_recovered(estimated_cost_usd=True)["estimated_cost_usd"]) == "0.0"

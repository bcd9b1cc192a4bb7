"""Changing a run by names that are checked."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings

from tandem_store.records import RunRecord, RunStatus
from tandem_store.records.changes import RunChanges
from tandem_store.testing.strategies import run_values
from tests.support.run_records import new_run


def test_every_field_but_the_id_can_be_changed() -> None:
    """The names that editors offer are those of the record, with its types or names of members."""
    fields = {name: hint for name, hint in _types(RunRecord).items() if name != "run_id"}
    changes = _types(RunChanges)

    assert set(changes) == set(fields)
    for name, hint in fields.items():
        named = name in {
            "status",
            "stop_kind",
            "effective_execution_profile",
            "requested_execution_profile",
        }
        assert changes[name] == (hint | str if named else hint), name


def _types(of: Any) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(of).items() if name != "ENGINE_NAME"}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_values())
def test_a_change_changes_what_it_names_and_nothing_else(value: dict[str, Any]) -> None:
    """Unknown fields, omissions and the order of all stay as they were."""
    run = RunRecord.model_validate(value)

    assert run.changed() == run
    assert run.changed().to_legacy() == run.to_legacy()
    changed = run.changed(detail="new", total_tokens=7)
    expected = run.model_copy(update={"detail": "new", "total_tokens": 7})
    assert changed.to_legacy() == expected.to_legacy()
    assert list(changed.to_legacy()) == list(expected.to_legacy())


def test_names_become_members() -> None:
    """So that a changed run is a well-formed one."""
    run = new_run("r").changed(status="failed", stop_kind="panic")

    assert run.status is RunStatus.FAILED
    assert (
        run.model_copy(update={"status": "queued"}).changed(detail="x").status is RunStatus.QUEUED
    )


@pytest.mark.parametrize(
    ("fields", "error", "sentence"),
    [
        ({"statsu": "failed"}, TypeError, r"no field 'statsu'. Did you mean 'status'\?"),
        ({"zzz": 1}, TypeError, "no field 'zzz'.$"),
        ({"is_terminal": True}, TypeError, "no field 'is_terminal'"),
        ({"run_id": "another"}, TypeError, "A run keeps its id"),
        ({"status": "faild"}, ValueError, "The field status of a run cannot be 'faild': "),
        ({"total_tokens": -1}, ValueError, "The field total_tokens of a run cannot be -1: "),
        ({"total_tokens": "7"}, ValueError, "The field total_tokens of a run cannot be '7': "),
        ({"checkpoint": None}, ValueError, "The field checkpoint of a run cannot be None: "),
    ],
    ids=str,
)
def test_what_a_run_does_not_take_is_refused(
    fields: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    """With the name that was meant, if one is near."""
    with pytest.raises(error, match=sentence) as refused:
        new_run("r").changed(**fields)

    assert "\n" not in str(refused.value)

"""The run record: strict at the door, whole on the way out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tandem_store.records import AutomationRunCheckpoint, RunRecord, RunStatus, TenantContext


def _run(**fields: Any) -> dict[str, Any]:
    return {
        "run_id": "r",
        "automation_id": "a",
        "trigger_type": "manual",
        "status": "completed",
        "created_at_ms": 1_700_000_000_000,
        "updated_at_ms": 1_700_000_005_000,
        "checkpoint": {},
        **fields,
    }


@pytest.mark.parametrize("value", [1.0, True, "1", None, -1, 2**64])
def test_an_integer_field_takes_only_integers_of_its_range(value: Any) -> None:
    """Neither floats nor booleans nor strings are converted."""
    with pytest.raises(ValidationError):
        RunRecord.model_validate(_run(created_at_ms=value))


def test_a_number_field_takes_integers_as_floats() -> None:
    """Three dollars are 3.0 dollars."""
    cost = RunRecord.model_validate(_run(estimated_cost_usd=3)).estimated_cost_usd

    assert (type(cost), cost) == (float, 3.0)


@pytest.mark.parametrize("value", [True, "3", None, float("nan"), float("inf")])
def test_a_number_field_refuses_what_is_no_finite_number(value: Any) -> None:
    """A boolean is no number, and infinity could not be written."""
    with pytest.raises(ValidationError):
        RunRecord.model_validate(_run(estimated_cost_usd=value))


@pytest.mark.parametrize(
    "field",
    ["tenant_context", "active_session_ids", "prompt_tokens", "effective_execution_profile"],
)
def test_null_is_refused_where_there_is_a_default(field: str) -> None:
    """Absent means the default; ``null`` is damage."""
    with pytest.raises(ValidationError):
        RunRecord.model_validate(_run(**{field: None}))


def test_null_is_taken_and_dropped_where_a_field_is_optional() -> None:
    """``null`` and absent are the same there."""
    run = RunRecord.model_validate(_run(detail=None, scheduler=None, stop_kind=None))

    assert run.to_legacy() == RunRecord.model_validate(_run()).to_legacy()


def test_a_queue_reason_is_written_even_when_there_is_none() -> None:
    """It is the only field that the engine writes as ``null``."""
    scheduler = RunRecord.model_validate(_run(scheduler={})).to_legacy()["scheduler"]

    assert list(scheduler) == ["tenant_context", "queue_reason", "queued_at_ms"]
    assert scheduler["queue_reason"] is None


def test_absent_knowledge_is_enabled_and_empty_knowledge_is_not() -> None:
    """The default of the whole differs from the default of its field."""
    definition = {
        "automation_id": "a", "name": "n", "status": "active", "creator_id": "c",
        "schedule": {"type": "cron", "timezone": "UTC", "misfire_policy": {"type": "skip"}},
        "flow": {}, "execution": {}, "created_at_ms": 1, "updated_at_ms": 1,
    }  # fmt: skip

    absent = RunRecord.model_validate(_run(automation_snapshot=definition)).automation_snapshot
    empty = RunRecord.model_validate(
        _run(automation_snapshot={**definition, "knowledge": {}})
    ).automation_snapshot

    assert absent is not None
    assert empty is not None
    assert (absent.knowledge.enabled, empty.knowledge.enabled) == (True, False)


def test_a_record_cannot_be_changed() -> None:
    """Changes are made on copies."""
    run = RunRecord.model_validate(_run())

    with pytest.raises(ValidationError):
        run.status = RunStatus.FAILED


def test_a_record_can_be_made_in_python() -> None:
    """Members and names of enums are both taken; nested records too."""
    run = RunRecord(
        run_id="r",
        automation_id="a",
        tenant_context=TenantContext(org_id="acme", workspace_id="north"),
        trigger_type="manual",
        status=RunStatus.RUNNING,
        created_at_ms=1,
        updated_at_ms=2,
        checkpoint=AutomationRunCheckpoint(node_outputs={"b": {"z": 1, "a": 1.0}, "a": None}),
    )

    written = run.to_legacy()

    assert written["tenant_context"]["org_id"] == "acme"
    assert list(written["checkpoint"]["node_outputs"]) == ["a", "b"]
    assert list(written["checkpoint"]["node_outputs"]["b"]) == ["a", "z"]
    assert type(written["status"]) is str


def test_unknown_fields_stand_behind_the_known_ones() -> None:
    """A record of a newer engine keeps them, even if they are called as Python names."""
    unknown = {"zz": [1, 1.0], "model_dump": None, "__class__": "x", "created_at": {"b": 1, "a": 2}}
    run = RunRecord.model_validate({**unknown, **_run()})

    written = run.to_legacy()

    assert list(written)[-4:] == list(unknown)
    assert {key: written[key] for key in unknown} == unknown
    assert type(run) is RunRecord
    assert run.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_schema_field_is_found_under_its_json_name() -> None:
    """``schema`` is the contract's; what is called like our attribute is unknown and kept apart."""
    node = {
        "node_id": "n", "agent_id": "a", "objective": "o",
        "output_contract": {"kind": "k", "output_schema": 1, "schema_": 2, "schema": {"x": 3}},
    }  # fmt: skip
    definition = {
        "automation_id": "a", "name": "n", "status": "active", "creator_id": "c",
        "schedule": {"type": "cron", "timezone": "UTC", "misfire_policy": {"type": "skip"}},
        "flow": {"nodes": [node]}, "execution": {}, "created_at_ms": 1, "updated_at_ms": 1,
    }  # fmt: skip

    run = RunRecord.model_validate(_run(automation_snapshot=definition))

    assert run.automation_snapshot is not None
    contract = run.automation_snapshot.flow.nodes[0].output_contract
    assert contract is not None
    assert contract.output_schema == {"x": 3}
    assert contract.to_legacy() == {
        "kind": "k", "schema": {"x": 3}, "output_schema": 1, "schema_": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "written"), [({}, None), ({"execution_claim_epoch": 0}, 0),
                           ({"execution_claim_epoch": 7}, 7)],
)  # fmt: skip
def test_a_claim_epoch_is_written_only_if_there_was_one(given: Any, written: int | None) -> None:
    """A record of an engine that has no claims does not gain one."""
    assert (
        RunRecord.model_validate(_run(**given)).to_legacy().get("execution_claim_epoch") == written
    )


def test_fields_of_later_engines_are_read_and_stand_in_their_place() -> None:
    """They follow the snapshot; a malformed one is damage, as it is to those engines."""
    claim = {
        "claim_id": "c", "claimant_id": "w", "claimed_at_ms": 1, "lease_expires_at_ms": 2,
        "lease_epoch": 3,
    }  # fmt: skip

    written = RunRecord.model_validate(
        _run(workflow_definition_version="v", execution_claim=claim, detail="d",
             scheduler={"queue_reason": "retry_backoff", "retry_attempt": 2})
    ).to_legacy()  # fmt: skip

    names = list(written)
    assert names.index("checkpoint") < names.index("workflow_definition_version")
    assert names.index("execution_claim") < names.index("detail")
    assert written["execution_claim"] == claim
    with pytest.raises(ValidationError):
        RunRecord.model_validate(_run(execution_claim={"claim_id": "c"}))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (object(), TypeError),
        (datetime(2026, 8, 1, tzinfo=UTC), TypeError),
        (float("nan"), ValueError),
        (2**64, ValueError),
        (-(2**63) - 1, ValueError),
    ],
)
def test_free_json_that_is_no_json_is_refused_when_written(
    value: Any, error: type[Exception]
) -> None:
    """Nothing is stored that would come back as something else."""
    run = RunRecord.model_validate(_run(checkpoint={"node_outputs": {"n": [{"x": value}]}}))

    with pytest.raises(error):
        run.to_legacy()


def test_what_is_written_shares_nothing_with_the_record() -> None:
    """Changing the dict leaves the record as it is."""
    run = RunRecord.model_validate(_run(checkpoint={"node_outputs": {"n": {"x": [1]}}}))

    run.to_legacy()["checkpoint"]["node_outputs"]["n"]["x"].append(2)

    assert run.checkpoint.node_outputs == {"n": {"x": [1]}}


@pytest.mark.parametrize("status", RunStatus)
def test_four_states_are_terminal(status: RunStatus) -> None:
    """Completed, failed, blocked and cancelled runs never continue."""
    run = RunRecord.model_validate(_run(status=status.value))

    assert run.is_terminal == (status.value in {"completed", "failed", "blocked", "cancelled"})


def test_the_month_is_that_of_the_later_time() -> None:
    """A run made after its last update is filed by its creation."""
    assert RunRecord.model_validate(_run(created_at_ms=9, updated_at_ms=3)).month_ms == 9


def test_times_are_aware_and_none_where_the_calendar_ends() -> None:
    """Milliseconds are exact; what lies after the year 9999 has no datetime."""
    run = RunRecord.model_validate(
        _run(created_at_ms=253_402_300_799_999, updated_at_ms=2**64 - 1, started_at_ms=1)
    )

    assert run.created_at == datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert run.updated_at is None
    assert run.started_at == datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC)
    assert run.finished_at is None

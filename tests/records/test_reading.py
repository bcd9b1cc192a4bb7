"""Which fault is told, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem_store.errors import LegacyFormatError
from tandem_store.records.checking import is_run
from tandem_store.records.reading import read_automation, read_run, read_tenant
from tandem_store.testing.strategies import FREE_JSON, run_values

_RUN: dict[str, Any] = {
    "run_id": "r", "automation_id": "a", "trigger_type": "manual", "status": "completed",
    "created_at_ms": 1, "updated_at_ms": 2, "checkpoint": {},
}  # fmt: skip
_SPEC: dict[str, Any] = {
    "automation_id": "a", "name": "n", "status": "active", "creator_id": "c",
    "schedule": {"type": "cron", "timezone": "UTC", "misfire_policy": {"type": "skip"}},
    "flow": {}, "execution": {}, "created_at_ms": 1, "updated_at_ms": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": 5}, "invalid type: integer `5`, expected string or map at `status`"),
        ({"status": {"completed": None}}, "invalid type: map, expected one of `queued`, "),
        ({"scheduler": [1]}, "invalid type: sequence, expected struct SchedulerMetadata at `sched"),
        ({"started_at_ms": False}, "invalid type: boolean `false`, expected u64 at `started_"),
        ({"created_at_ms": 2**64}, "invalid value: integer `18446744073709551616`, expected u64"),
        ({"runtime_context": {"routines": [{"routine_id": "r"}, {}]}},
         "missing field `routine_id` at `runtime_context.routines[1].routine_id`"),
        ({"checkpoint": {"node_attempts": {"n1": 2**32}}},
         "invalid value: integer `4294967296`, expected u32 at `checkpoint.node_attempts.n1`"),
        ({"learning_summary": {"post_run_metrics": {"completion_rate": "1"}}},
         'invalid type: string "1", expected f64 at `learning_summary.post_run_metrics.'),
        ({"detail": ["x"], "consumed_handoff_id": {}},
         "invalid type: map, expected a string at `consumed_handoff_id`"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_the_engines_words_and_its_place(
    fields: dict[str, Any], text: str
) -> None:
    """The words are the engine's; the path is ours."""
    with pytest.raises(LegacyFormatError) as caught:
        read_run({**_RUN, **fields})

    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({}, "missing field `type` at `schedule.misfire_policy.type`"),
        ({"type": None}, "invalid type: null, expected "),
        ({"type": "never"},
         "unknown variant `never`, expected one of `skip`, `run_once`, `catch_up` at "
         "`schedule.misfire_policy.type`"),
        ({"type": "catch_up"}, "missing field `max_runs` at `schedule.misfire_policy.max_runs`"),
        ({"type": "catch_up", "max_runs": -1},
         "invalid value: integer `-1`, expected u32 at `schedule.misfire_policy.max_runs`"),
        (["catch_up", 3], "invalid type: sequence, expected "),
        ("skip", 'invalid type: string "skip", expected '),
    ],
)  # fmt: skip
def test_a_faulty_variant_is_told_by_its_tag_or_field(policy: Any, text: str) -> None:
    """The variant's name is no part of the path."""
    schedule = {**_SPEC["schedule"], "misfire_policy": policy}

    with pytest.raises(LegacyFormatError) as caught:
        read_automation({**_SPEC, "schedule": schedule})

    assert str(caught.value).startswith(text)
    assert "`schedule.misfire_policy" in str(caught.value)


def test_a_faulty_optional_variant_is_told_too() -> None:
    """``run_as`` may be absent, but not half there."""
    grant = {"server": "s", "run_as": {"type": "shared_connection"}}
    agent = {
        "agent_id": "a", "display_name": "A", "tool_policy": {},
        "mcp_policy": {"allowed_connections": [grant]},
    }  # fmt: skip

    with pytest.raises(LegacyFormatError) as caught:
        read_automation({**_SPEC, "agents": [agent]})

    path = "agents[0].mcp_policy.allowed_connections[0].run_as.grant_id"
    assert str(caught.value) == f"missing field `grant_id` at `{path}`"


def test_members_are_judged_by_name_before_missing_ones() -> None:
    """A fault deep in ``checkpoint`` comes before one in ``status`` and before a missing id."""
    faulty = {
        "status": "x", "checkpoint": {"pending_nodes": 1, "blocked_nodes": ["b", 2, None]},
    }  # fmt: skip

    with pytest.raises(LegacyFormatError) as caught:
        read_run(faulty)

    expected = "invalid type: integer `2`, expected a string at `checkpoint.blocked_nodes[1]`"
    assert str(caught.value) == expected


def test_of_missing_fields_the_first_in_the_engines_order_is_told() -> None:
    """Not the first by name; and the root needs no path."""
    with pytest.raises(LegacyFormatError, match=r"^missing field `trigger_type`$"):
        read_run({"run_id": "r", "automation_id": "a"})


@pytest.mark.parametrize("value", [None, [], "x", 1, True, 1.5])
def test_what_is_no_object_is_no_record(value: Any) -> None:
    """The engine would take an array; nothing ever wrote one."""
    with pytest.raises(LegacyFormatError, match=r"expected struct TenantContext$"):
        read_tenant(value)


def test_a_long_value_is_cut_in_the_message() -> None:
    """A message must not grow with the file."""
    with pytest.raises(LegacyFormatError) as caught:
        read_run({**_RUN, "checkpoint": {"node_attempts": {"k" * 10_000: "v" * 10_000}}})

    assert len(str(caught.value)) < 1_000


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(value=run_values(), data=st.data())
def test_whatever_is_broken_is_told_by_its_place(
    value: dict[str, Any], data: st.DataObject
) -> None:
    """Every fault has words: no damage anywhere in a run raises anything else."""
    damaged = _damaged_somewhere(value, data)

    told = _fault_of(value)

    assert told is None or damaged in told


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(value=run_values(), damage=st.booleans(), data=st.data())
def test_what_passes_the_check_can_be_read_and_nothing_else(
    value: dict[str, Any], damage: bool, data: st.DataObject
) -> None:
    """The importer checks runs without reading them; both must be of one mind."""
    if damage:
        _damaged_somewhere(value, data)

    assert is_run(value) == (_fault_of(value) is None)


@pytest.mark.parametrize("value", [None, [], "x", 1, True, 1.5])
def test_what_is_no_object_passes_no_check(value: Any) -> None:
    """Whatever JSON may hold."""
    assert not is_run(value)


def _fault_of(value: Any) -> str | None:
    try:
        read_run(value)
    except LegacyFormatError as error:
        return str(error)
    return None


def _damaged_somewhere(value: dict[str, Any], data: st.DataObject) -> str:
    """Put something else at a random place; returns the field of the run that it lies in."""
    container: Any = value
    path: list[str | int] = []
    while True:
        keys = sorted(container) if isinstance(container, dict) else range(len(container))
        path.append(data.draw(st.sampled_from(list(keys))))
        inner = container[path[-1]]
        if not inner or not isinstance(inner, dict | list) or data.draw(st.booleans()):
            container[path[-1]] = data.draw(FREE_JSON)
            return str(path[0])
        container = inner

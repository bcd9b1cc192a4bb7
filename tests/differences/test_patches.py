"""JSON Patches between runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from jsonpatch import apply_patch

from tandem_store import RunRecord, json_patch
from tandem_store.testing.strategies import FREE_JSON, runs
from tests.differences.test_json_changes import NODES, VALUES
from tests.support.json_values import exact
from tests.support.legacy_runs import checkpoint
from tests.support.run_records import new_run


def with_output(value: Any) -> RunRecord:
    """A run with this output."""
    return new_run("r", checkpoint=checkpoint(node_outputs={"draft": value}))


def applied(one: RunRecord, patch: list[dict[str, Any]]) -> Any:
    """What the patch, written and read, makes of the run."""
    return apply_patch(one.to_legacy(), json.loads(json.dumps(patch)))


@given(runs(), runs())
def test_a_patch_makes_one_record_of_the_other(one: RunRecord, other: RunRecord) -> None:
    """Exactly, with every kind of number, unknown fields and U+0000."""
    assert exact(applied(one, json_patch(one, other))) == exact(other.to_legacy())


@given(VALUES | NODES | FREE_JSON, VALUES | NODES | FREE_JSON)
def test_a_patch_makes_one_output_of_the_other(one: Any, other: Any) -> None:
    """Whatever its keys are, and wherever its lists grow and shrink."""
    before, after = with_output(one), with_output(other)

    patch = json_patch(before, after)

    assert exact(applied(before, patch)) == exact(after.to_legacy())
    assert (patch == []) is (exact(one) == exact(other))
    assert {operation["op"] for operation in patch} <= {"add", "remove", "replace"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, True, [{"op": "replace", "path": "", "value": True}]),
        (1, 1.0, [{"op": "replace", "path": "", "value": 1.0}]),
        ({"a/b": 0, "": 1}, {"": 1}, [{"op": "remove", "path": "/a~1b"}]),
        ({}, {"~\0": "-"}, [{"op": "add", "path": "/~0\0", "value": "-"}]),
        ([1, 2], [1, 9, 2], [{"op": "add", "path": "/1", "value": 9}]),
        ({"a": "text"}, {"b": "text"}, "add remove"),
    ],
)
def test_operations_are_as_the_rfc_has_them(one: Any, other: Any, expected: Any) -> None:
    """Pointers are escaped; nothing counts as moved."""
    patch = json_patch(with_output(one), with_output(other))

    if isinstance(expected, str):
        assert " ".join(sorted(operation["op"] for operation in patch)) == expected
    else:
        for operation in expected:
            operation["path"] = "/checkpoint/node_outputs/draft" + operation["path"]
        assert exact(patch) == exact(expected)

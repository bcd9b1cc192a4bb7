"""Parts come back as the other copy has them, and nothing else changes."""

from __future__ import annotations

import copy

import pytest

from tandem_store.importer.choice.restoration import covers_completed, restored
from tandem_store.ledger import Part
from tests.support.legacy_runs import checkpoint, full_run, run, stripped

DONOR = full_run("r", detail="older")
WINNER = stripped(full_run("r"), detail="newer")


@pytest.mark.parametrize(
    ("part", "field"),
    [(Part.RUNTIME_CONTEXT, "runtime_context"), (Part.SNAPSHOT, "automation_snapshot")],
)
def test_a_field_is_the_donors(part: Part, field: str) -> None:
    """The rest stays the winner's."""
    assert restored(WINNER, part, DONOR) == WINNER | {field: DONOR[field]}


def test_outputs_are_the_donors() -> None:
    """The rest of the checkpoint stays the winner's."""
    winner = WINNER | {"checkpoint": WINNER["checkpoint"] | {"pending_nodes": ["next"]}}

    outputs = DONOR["checkpoint"]["node_outputs"]
    expected = winner | {"checkpoint": winner["checkpoint"] | {"node_outputs": outputs}}
    assert outputs
    assert restored(winner, Part.OUTPUTS, DONOR) == expected


@pytest.mark.parametrize("part", [Part.OUTPUTS, Part.RUNTIME_CONTEXT, Part.SNAPSHOT])
def test_neither_copy_is_changed(part: Part) -> None:
    """Both are looked at again for other parts."""
    winner, donor = copy.deepcopy(WINNER), copy.deepcopy(DONOR)

    restored(winner, part, donor)

    assert (winner, donor) == (WINNER, DONOR)


@pytest.mark.parametrize(
    ("completed", "outputs", "covered"),
    [
        (["a", "b"], ["a", "b", "c"], True),
        (["a", "b"], ["a"], False),
        ([], [], True),
        (["a"], [], False),
    ],
)
def test_outputs_cover_the_completed_nodes_or_not(
    completed: list[str], outputs: list[str], *, covered: bool
) -> None:
    """More outputs than completed nodes are fine."""
    made = checkpoint(completed_nodes=completed, node_outputs={key: {} for key in outputs})

    assert covers_completed(run("r", checkpoint=made)) is covered


def test_a_checkpoint_without_nodes_is_covered() -> None:
    """Older engines wrote neither field."""
    assert covers_completed({"checkpoint": {}})
    assert not covers_completed({"checkpoint": {"completed_nodes": ["a"]}})
    assert covers_completed({"checkpoint": {"node_outputs": {"a": {}}}})

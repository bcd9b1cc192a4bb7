"""Parts that the engine's compaction took from a run, given back from another copy of it."""

from __future__ import annotations

from typing import Any

from tandem_store.importer.choice.facts import RESTORABLE, Part


def restored(winner: dict[str, Any], part: Part, donor: dict[str, Any]) -> dict[str, Any]:
    """The winner with one part as the donor has it; changes no input."""
    name = RESTORABLE[part]
    if part is Part.OUTPUTS:
        outputs = donor["checkpoint"][name]
        return {**winner, "checkpoint": {**winner["checkpoint"], name: outputs}}
    return {**winner, name: donor[name]}


def covers_completed(record: dict[str, Any]) -> bool:
    """Whether every completed node of a run has its output."""
    checkpoint = record["checkpoint"]
    return set(checkpoint.get("completed_nodes", ())) <= set(checkpoint.get("node_outputs", ()))

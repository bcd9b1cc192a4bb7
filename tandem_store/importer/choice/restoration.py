"""Restores to a run what the engine's compaction removed, from another copy of the run."""

from __future__ import annotations

from typing import Any

from tandem_store.ledger import Part
from tandem_store.ledger.outcomes import RESTORABLE


def restored(winner: dict[str, Any], part: Part, donor: dict[str, Any]) -> dict[str, Any]:
    """Return the winner with one part taken from the donor; changes no input."""
    name = RESTORABLE[part]
    if part is Part.OUTPUTS:
        outputs = donor["checkpoint"][name]
        return {**winner, "checkpoint": {**winner["checkpoint"], name: outputs}}
    return {**winner, name: donor[name]}


def covers_completed(record: dict[str, Any]) -> bool:
    """Whether every completed node of a run has its output."""
    checkpoint = record["checkpoint"]
    return set(checkpoint.get("completed_nodes", ())) <= set(checkpoint.get("node_outputs", ()))

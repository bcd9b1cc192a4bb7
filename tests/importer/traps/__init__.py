"""Everything that can be wrong with a state directory, one function each, with its expected end."""

from __future__ import annotations

from tests.importer.traps import choice, faults, oddities, restore, sources
from tests.importer.traps.expected import Expected, Trap, expect
from tests.support.state_directories import StateDir

__all__ = ["TRAPS", "Expected", "Trap", "expect", "lay_all"]

TRAPS: tuple[Trap, ...] = (
    *sources.TRAPS,
    *choice.TRAPS,
    *restore.TRAPS,
    *faults.TRAPS,
    *oddities.TRAPS,
)


def lay_all(state: StateDir) -> Expected:
    """Lay every trap into one state directory."""
    expected = expect()
    for trap in TRAPS:
        expected = expected + trap(state)
    return expected

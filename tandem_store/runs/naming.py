"""How messages name a run."""

from __future__ import annotations

from typing import Final

#: Longer ids are cut in a message; an id may be a kilobyte, and what was meant for one a megabyte.
_LONGEST: Final = 200


def named(run_id: str) -> str:
    """The id in quotes, cut if it is long."""
    return repr(run_id if len(run_id) <= _LONGEST else f"{run_id[:_LONGEST]}...")

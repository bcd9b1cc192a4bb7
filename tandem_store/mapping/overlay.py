"""Volatile keys of a snapshot, lifted out so that runs of one automation can share the rest.

The engine rewrites the fire times of a definition at every fire and stamps the execution profile at
every run. The overlay names what was lifted by JSON pointer (RFC 6901), so ``lay`` works with any
overlay, whatever keys the version that made it lifted. Absent and null stay apart: an absent key
has no pointer.
"""

from __future__ import annotations

from typing import Any, Final

from tandem_store.json_pointer import tokens

VOLATILE: Final = {
    "/next_fire_at_ms": ("next_fire_at_ms",),
    "/last_fired_at_ms": ("last_fired_at_ms",),
    "/execution/profile": ("execution", "profile"),
}


def lift(snapshot: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the snapshot without its volatile keys, and the overlay; changes no input."""
    core = snapshot
    overlay: dict[str, Any] = {}
    for pointer, path in VOLATILE.items():
        holder: Any = core
        for token in path[:-1]:
            holder = holder.get(token) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and path[-1] in holder:
            overlay[pointer] = holder[path[-1]]
            core = _without(core, *path)
    return core, overlay


def lay(core: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return the snapshot with the value of every pointer put back; changes no input."""
    snapshot = core
    for pointer, value in overlay.items():
        snapshot = _with(snapshot, value, *tokens(pointer))
    return snapshot


def _without(value: dict[str, Any], first: str, *rest: str) -> dict[str, Any]:
    changed = dict(value)
    if rest:
        changed[first] = _without(value[first], *rest)
    else:
        del changed[first]
    return changed


def _with(value: dict[str, Any], item: Any, first: str, *rest: str) -> dict[str, Any]:
    return {**value, first: _with(value[first], item, *rest) if rest else item}

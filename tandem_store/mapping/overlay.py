"""Volatile keys of a snapshot, lifted out so that runs of one automation can share the rest.

The engine rewrites the fire times of a definition at every fire and stamps the execution profile at
every run. The overlay names what was lifted by JSON pointer (RFC 6901), so ``lay`` works with any
overlay, whatever keys the version that made it lifted. Absent and null stay apart: an absent key
has no pointer.
"""

from __future__ import annotations

from typing import Any, Final

VOLATILE: Final = ("/next_fire_at_ms", "/last_fired_at_ms", "/execution/profile")


def lift(snapshot: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The snapshot without its volatile keys, and the overlay; changes no input."""
    core = snapshot
    overlay: dict[str, Any] = {}
    for pointer in VOLATILE:
        *parents, last = _tokens(pointer)
        holder = _descend(core, parents)
        if isinstance(holder, dict) and last in holder:
            overlay[pointer] = holder[last]
            core = _without(core, [*parents, last])
    return core, overlay


def lay(core: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """The snapshot again: every pointer's value put back; changes no input."""
    snapshot = core
    for pointer, value in overlay.items():
        snapshot = _with(snapshot, _tokens(pointer), value)
    return snapshot


def _tokens(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _descend(value: Any, tokens: list[str]) -> Any:
    for token in tokens:
        value = value.get(token) if isinstance(value, dict) else None
    return value


def _without(value: dict[str, Any], tokens: list[str]) -> dict[str, Any]:
    first, *rest = tokens
    if not rest:
        return {key: item for key, item in value.items() if key != first}
    return {**value, first: _without(value[first], rest)}


def _with(value: dict[str, Any], tokens: list[str], item: Any) -> dict[str, Any]:
    first, *rest = tokens
    return {**value, first: _with(value[first], rest, item) if rest else item}

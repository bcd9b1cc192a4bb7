"""The verdict on a record, with the definition snapshots that many runs share validated once."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from tandem_store.legacy.json_text import canonical
from tandem_store.legacy.verdict import read_run
from tandem_store.mapping import lift
from tandem_store.records import ExecutionProfile

#: How many snapshots are remembered as good; a process that reads more starts over.
_REMEMBERED: Final = 10_000

_known_good: set[bytes] = set()


def check_run(record: Any) -> None:
    """Raise ``LegacyFormatError`` unless the value is a well-formed run."""
    snapshot = record.get("automation_snapshot") if isinstance(record, dict) else None
    if not isinstance(snapshot, dict):
        read_run(record)
        return
    core, overlay = lift(snapshot)
    digest = sha256(canonical(core)).digest()
    if digest in _known_good and all(map(_is_plain, overlay.items())):
        read_run({**record, "automation_snapshot": None})
        return
    read_run(record)
    if len(_known_good) >= _REMEMBERED:
        _known_good.clear()
    _known_good.add(digest)


def _is_plain(item: tuple[str, Any]) -> bool:
    """Whether a lifted value is good without asking the model; others are asked."""
    pointer, value = item
    if pointer == "/execution/profile":
        return isinstance(value, str) and value in _PROFILES
    return type(value) is int and 0 <= value < 2**64


_PROFILES: Final = frozenset(str(profile) for profile in ExecutionProfile)

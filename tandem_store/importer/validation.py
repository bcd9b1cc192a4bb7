"""The verdict on a record, with the definition snapshots that many runs share validated once."""

from __future__ import annotations

from typing import Any, Final

from tandem_store.mapping import LiftedSnapshot
from tandem_store.records import ExecutionProfile
from tandem_store.records.checking import is_run
from tandem_store.records.reading import read_run, u64

#: How many snapshots are remembered as good; a process that reads more starts over.
_REMEMBERED: Final = 10_000

_known_good: set[bytes] = set()


def check_run(record: Any) -> LiftedSnapshot:
    """Raise ``LegacyFormatError`` unless the value is a well-formed run; returns its snapshot."""
    lifted = LiftedSnapshot.of(record)
    if lifted.shared is None:
        _refuse_invalid(record)
    elif lifted.shared.digest in _known_good and all(map(_is_plain, lifted.overlay.items())):
        _refuse_invalid({**record, "automation_snapshot": None})
    else:
        _refuse_invalid(record)
        if len(_known_good) >= _REMEMBERED:
            _known_good.clear()
        _known_good.add(lifted.shared.digest)
    return lifted


def _refuse_invalid(value: Any) -> None:
    if not is_run(value):
        read_run(value)  # raises what is wrong, in the words of the engine


def _is_plain(item: tuple[str, Any]) -> bool:
    """Whether a lifted value is surely valid; for any other value, the model is asked."""
    pointer, value = item
    if pointer == "/execution/profile":
        return isinstance(value, str) and value in _PROFILES
    return u64(value) is not None


_PROFILES: Final = frozenset(str(profile) for profile in ExecutionProfile)

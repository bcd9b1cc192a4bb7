"""What the store can hold and the engine cannot read back, or not save again.

The limits are those of the engine's releases 0.6.2 to 0.6.8, found by trying them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from tandem_store.jsontext import has_levels
from tandem_store.records import ExpiryAction, QueueReason, Record, RunRecord
from tandem_store.records.base import written_fields

#: How many levels of arrays and objects the engine reads in a file.
_FILE_LEVELS: Final = 127
#: The levels around a run in the hot file and in a shard.
_AROUND_HOT: Final = 2
_AROUND_SHARD: Final = 1
#: The most characters of a shard's file name without its ending. The engine writes a shard under a
#: temporary name first, which is up to 40 characters longer and has to be under 255.
LONGEST_NAME: Final = 210
#: What the names say that later engines brought, as they stand in a file.
_NEWER_NAMES: Final = (ExpiryAction.RESUME, QueueReason.RETRY_BACKOFF)


class Limit(StrEnum):
    """Why the engine cannot do with a run what it does with others."""

    #: Nested so deep that no file of the engine can hold it.
    TOO_DEEP = "too_deep"
    #: It has a name that came with engine 0.6.9, and no longer uses these files.
    NEEDS_0_6_9 = "needs_0_6_9"
    #: Nested so deep that the hot file would become unreadable, with all runs in it.
    TOO_DEEP_FOR_HOT = "too_deep_for_hot"
    #: Its id is too long for a file name, and with it in the hot file every save would fail.
    ID_TOO_LONG = "id_too_long"
    #: It has a name that came with engine 0.6.5; earlier ones cannot read it.
    NEEDS_0_6_5 = "needs_0_6_5"

    @property
    def hides_it(self) -> bool:
        """Whether the engine cannot read the run at all, so that its file is out of its way."""
        return self in (Limit.TOO_DEEP, Limit.NEEDS_0_6_9)

    @property
    def keeps_it_out_of_hot(self) -> bool:
        """Whether the run must not be in the hot file."""
        return self is not Limit.NEEDS_0_6_5


def limit_of(run: RunRecord, legacy: dict[str, Any], shard: bytes, name: str) -> Limit | None:
    """Return the worst limit that a run is beyond, None if the engine can read and save it.

    ``legacy`` is the run as JSON, ``shard`` the content of its file and ``name`` the file's name.
    """
    deep = has_levels(legacy, _FILE_LEVELS - _AROUND_HOT + 1)
    if deep and has_levels(legacy, _FILE_LEVELS - _AROUND_SHARD + 1):
        return Limit.TOO_DEEP
    newer = _newer_names(run, shard)
    if ExpiryAction.RESUME in newer:
        return Limit.NEEDS_0_6_9
    if deep:
        return Limit.TOO_DEEP_FOR_HOT
    if len(name) > LONGEST_NAME:
        return Limit.ID_TOO_LONG
    return Limit.NEEDS_0_6_5 if newer else None


def _newer_names(run: RunRecord, shard: bytes) -> set[StrEnum]:
    # Hardly any run has one, and to search the text is far quicker than to walk the record.
    if not any(f'"{name}"'.encode() in shard for name in _NEWER_NAMES):
        return set()
    return {name for name in _names(run) if any(name is newer for newer in _NEWER_NAMES)}


def _names(value: Any) -> Iterator[StrEnum]:
    """Yield the names in the record's own fields; free-form JSON has none."""
    if isinstance(value, StrEnum):
        yield value
    elif isinstance(value, Record):
        for _, _, item in written_fields(value):
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)

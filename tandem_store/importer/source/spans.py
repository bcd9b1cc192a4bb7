"""Byte ranges of a source file: where an entry is, or what is damaged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class DamageKind(StrEnum):
    """What is wrong with a range of bytes that is not an entry."""

    NOT_AN_OBJECT = "not_an_object"
    DAMAGED = "damaged_json"
    TRUNCATED = "truncated"
    TRAILING = "trailing_data"
    NO_RUNS = "no_runs"
    BAD_VERSION = "bad_schema_version"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes in a file: one entry, from its key to the end of its value, or damage.

    ``start`` and ``stop`` are offsets from the beginning of the file, ``stop`` exclusive. ``value``
    is the offset of the entry's value, behind its key; for damage it means nothing.
    """

    start: int
    value: int
    stop: int
    damage: DamageKind | None = None

    @classmethod
    def of_damage(cls, start: int, stop: int, kind: DamageKind) -> Span:
        """Return a range that is not an entry."""
        return cls(start, start, stop, kind)

    def shifted(self, by: int) -> Span:
        """Return the same range, ``by`` bytes further on in the file."""
        return replace(self, start=self.start + by, value=self.value + by, stop=self.stop + by)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stop - self.start

"""What the ledger says about one copy of a run: its kind, its parts, its outcome and the reason.

The rules in ``importer.choice`` decide these values and the ledger stores them; both use the types
of this module. It needs no database.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum
from typing import Final, NamedTuple


class Kind(IntEnum):
    """How far a copy can be trusted; the smaller, the more. Stored in the column ``kind``."""

    #: A record that the engine could read.
    WELL_FORMED = 1
    #: A record that the engine itself wrote over a run that it could not read.
    STUB = 2
    #: An entry that has to be recovered before it is a record.
    DAMAGED = 3


class Part(IntFlag):
    """What a copy contains. Stored in the column ``parts``."""

    OUTPUTS = 1
    RUNTIME_CONTEXT = 2
    SNAPSHOT = 4
    GATE = 8
    TERMINAL = 16
    COMPLETED_NODES = 32


NO_PARTS: Final = Part(0)

#: The parts that the engine's compaction removes and another copy can restore, each with its field
#: in the record. Their order is that of the names in the column ``reason``.
RESTORABLE: Final = {
    Part.OUTPUTS: "node_outputs",
    Part.RUNTIME_CONTEXT: "runtime_context",
    Part.SNAPSHOT: "automation_snapshot",
}
_PARTS_BY_FIELD: Final = {name: part for part, name in RESTORABLE.items()}
_RESTORED: Final = "restored"
_PARTIAL: Final = "partial"


class CopyOutcome(StrEnum):
    """What happened to one copy; every copy has exactly one outcome."""

    #: The winner: the store holds this copy.
    IMPORTED = "imported"
    #: The winner, made from a damaged entry as the engine recovers it.
    RECOVERED = "recovered"
    #: Not the winner, but a part of it was restored to the winner.
    RESTORED_FROM = "restored_from"
    #: A better copy won.
    SUPERSEDED = "superseded"
    #: An earlier import has decided about it, and it has not changed since.
    UNCHANGED = "unchanged"
    #: A copy that the engine would not keep either.
    SKIPPED = "skipped"
    #: Its bytes are in quarantine.
    QUARANTINED = "quarantined"


class ReasonCode(StrEnum):
    """The reasons that the rules of choice and the ledger give.

    What cannot be read at all has other codes: those of the quarantine.
    """

    NON_TERMINAL_CONTEXT_RUN = "non_terminal_context_run"
    DAMAGED = "damaged"
    STUB = "stub"
    TENANT_CONFLICT = "tenant_conflict"
    #: The store has the run, or its month, in an archive.
    MONTH_DETACHED = "month_detached"
    #: The store has the run, without its content.
    CONTENT_FORGOTTEN = "content_forgotten"
    #: The copy was gone from its file before the import had decided about it.
    SOURCE_CHANGED = "source_changed"


class Reason(NamedTuple):
    """Why a copy has its outcome: a code, or the parts that were restored.

    ``received`` are the parts that a winner got back from other copies, ``given`` those that a copy
    gave to the winner. ``partial``: the outputs that were restored do not cover every completed
    node. All are empty for most copies, of which there is nothing to say.
    """

    code: str = ""
    received: Part = NO_PARTS
    given: Part = NO_PARTS
    partial: bool = False

    @classmethod
    def of_column(cls, text: str | None) -> Reason:
        """Return the reason that the column ``reason`` spells: the reverse of ``as_column``."""
        words = (text or "").split(" ")
        partial = words[-1] == _PARTIAL
        if words[0] == _RESTORED:
            return cls(received=_parts_named(words[1:]), partial=partial)
        if words[0] in _PARTS_BY_FIELD:
            return cls(given=_parts_named(words), partial=partial)
        return cls(text or "")

    def as_column(self) -> str | None:
        """Return the reason as the column ``reason`` spells it; ``None`` if it says nothing.

        >>> Reason(received=Part.OUTPUTS | Part.SNAPSHOT, partial=True).as_column()
        'restored node_outputs automation_snapshot partial'
        """
        if self == NO_REASON:  # as of most copies
            return None
        words = [self.code] if self.code else []
        if self.received:
            words.append(_RESTORED)
        words += [name for part, name in RESTORABLE.items() if part in self.received | self.given]
        if self.partial:
            words.append(_PARTIAL)
        return " ".join(words) or None


NO_REASON: Final = Reason()


def _parts_named(words: list[str]) -> Part:
    parts = NO_PARTS
    for word in words:
        parts |= _PARTS_BY_FIELD.get(word, NO_PARTS)
    return parts

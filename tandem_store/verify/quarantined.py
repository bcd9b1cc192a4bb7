"""The copies and definitions of a source that are in quarantine."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_store.ledger import Entry
from tandem_store.quarantine import QuarantineReader
from tandem_store.verify.report import Difference, Verdict

_LOST = "in quarantine, but nothing of it is there"
#: What identifies an item: the entry of its copy, or the path and digest of a definition.
_Key = int | tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class QuarantinedCopies:
    """The verdicts on all items of the quarantine, which is read once for all copies."""

    _verdicts: dict[_Key, Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, quarantine: QuarantineReader) -> QuarantinedCopies:
        """Return the verdicts on all items that are in quarantine now, or were."""
        verdicts: dict[_Key, Verdict] = {}
        for one in quarantine.decisions():
            key = (one.path, one.digest) if one.entry_id is None else one.entry_id
            if not one.discarded:
                kept = not one.kept_in_source
                verdicts[key] = Verdict.QUARANTINED if kept else Verdict.ONLY_IN_SOURCE
            else:
                verdicts.setdefault(key, Verdict.DISCARDED)
        return cls(verdicts)

    def of_copy(self, entry: Entry) -> Verdict | Difference:
        """Return the verdict on a copy that was quarantined."""
        return self._verdicts.get(entry.id) or Difference(entry.run_id or "", _LOST, entry.path)

    def of_recovered(self, entry: Entry) -> Verdict:
        """Return the verdict on a damaged copy that a run was made of."""
        found = self._verdicts.get(entry.id)
        return Verdict.SAME if found is None or found is Verdict.DISCARDED else found

    def of_definition(self, path: str, digest: bytes) -> Verdict | None:
        """Return the verdict on a rejected definition; ``None`` if it was never quarantined.

        ``digest`` is the SHA-256 of its bytes.
        """
        return self._verdicts.get((path, digest))

"""The definitions in a source against those in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tandem_store.importer.definitions import RejectedDefinition, definitions_of, is_newer
from tandem_store.importer.parsing import FileContent
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.records import AutomationSpec
from tandem_store.store import ReadTransaction
from tandem_store.verify.comparison import UNREADABLE_RECORD
from tandem_store.verify.difference import first_difference
from tandem_store.verify.quarantined import QuarantinedCopies
from tandem_store.verify.report import Difference, Verdict


@dataclass(slots=True)
class Definitions:
    """Compares definitions within one transaction; ``overtaken`` must be called last.

    Several files may hold a definition of one automation, and the import stores the newest of them:
    whether an older one lost to a file or to a service is known when all have been read.
    """

    tx: ReadTransaction
    quarantined: QuarantinedCopies
    _same: set[str] = field(default_factory=set)
    _overtaken: list[tuple[str, Verdict | Difference]] = field(default_factory=list)

    def verdicts(self, file: SourceFile, content: FileContent) -> Iterator[Verdict | Difference]:
        """Yield what the store knows of the definitions in one file.

        What depends on the definitions in other files comes from ``overtaken``.
        """
        for item in definitions_of(file, content):
            if isinstance(item, RejectedDefinition):
                yield self._of_rejected(file.path, item)
            elif (verdict := self._of(file.path, item)) is not None:
                yield verdict

    def overtaken(self) -> Iterator[Verdict | Difference]:
        """Yield the verdicts on definitions that are older than the stored ones."""
        for automation_id, verdict in self._overtaken:
            yield Verdict.SUPERSEDED if automation_id in self._same else verdict

    def _of_rejected(self, path: str, found: RejectedDefinition) -> Verdict | Difference:
        rejected = found.rejected
        return self.quarantined.of_definition(path, rejected.raw.digest) or Difference(
            "", f"definition not imported: {rejected.message}", path, found.key or ""
        )

    def _of(self, path: str, definition: AutomationSpec) -> Verdict | Difference | None:
        name = definition.automation_id
        try:
            stored = self.tx.automations.get(name)
        except UNREADABLE_RECORD as error:
            return Difference("", str(error), path, name)
        if stored is None:
            return Difference("", "definition missing in the store", path, name)
        at = first_difference(definition.to_legacy(), stored.to_legacy())
        if at is None:
            self._same.add(name)
            return Verdict.SAME
        if is_newer(definition, stored):
            age = "older" if _times(stored) < _times(definition) else "different"
            return Difference("", f"definition {age} in the store: {at}", path, name)
        # One that is just as new is a difference, unless the stored one is in the source too.
        tied = _times(definition) == _times(stored)
        different = Difference("", f"definition different in the store: {at}", path, name)
        self._overtaken.append((name, different if tied else Verdict.NEWER_IN_STORE))
        return None


def _times(definition: AutomationSpec) -> tuple[int, int, int]:
    """Return the times that decide which definition is newer; their bytes only break a tie."""
    return (
        definition.updated_at_ms,
        definition.last_fired_at_ms or 0,
        definition.next_fire_at_ms or 0,
    )

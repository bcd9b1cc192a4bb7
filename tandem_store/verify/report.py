"""What a verification found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tandem_store.importer.source.kinds import SkippedFile
from tandem_store.verify.reasons import Cause, ReasonToKeep


class Verdict(StrEnum):
    """How the store accounts for a copy or a definition."""

    SAME = "same"
    #: Another copy won; of this one the ledger has the path and the digest.
    SUPERSEDED = "superseded"
    #: A context run that never ended, which the engine does not list either.
    SKIPPED = "skipped"
    #: Waits in quarantine for a decision, also if a run was recovered from it.
    QUARANTINED = "quarantined"
    #: The same, but it was too large to keep: only the source has its bytes.
    ONLY_IN_SOURCE = "only_in_source"
    #: Was in quarantine, until somebody discarded it.
    DISCARDED = "discarded"
    #: Left with its month, which was detached or dropped.
    DETACHED = "detached"
    #: The store has the run, without its content.
    FORGOTTEN = "forgotten"
    #: Somebody wrote to the store since.
    NEWER_IN_STORE = "newer_in_store"


@dataclass(frozen=True, slots=True)
class Difference:
    """One copy that the store does not account for. ``what`` names the field where there is one.

    ``automation_id`` is that of a definition, ``None`` for a copy of a run.
    """

    run_id: str
    what: str
    path: str
    automation_id: str | None = None


@dataclass(slots=True, kw_only=True)
class VerifyReport:
    """The verdicts on every copy of a run and every definition of a source.

    ``gone`` are files of runs that were imported and are not in the source any more,
    ``was_imported`` says whether the store knows the directory or anything in it,
    ``is_interrupted`` whether an import of it was begun and not ended, and ``backup`` where a
    backup is that was made of the store since its last import.
    """

    root: str
    copies: Counter[Verdict] = field(default_factory=Counter)
    definitions: Counter[Verdict] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    not_read: list[SkippedFile] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    newer_in_engine_db: list[str] = field(default_factory=list)
    was_imported: bool = False
    is_interrupted: bool = False
    backup: str | None = None

    @property
    def checked(self) -> int:
        """All copies of runs that were read and compared."""
        different = sum(one.automation_id is None for one in self.differences)
        return self.copies.total() + different

    @property
    def same(self) -> int:
        """Copies that are in the store, or lost to one that is, or that are no run."""
        return sum(self.copies[one] for one in _SAME)

    @property
    def newer_in_store(self) -> int:
        """Copies and definitions that somebody changed in the store since."""
        return self._both(Verdict.NEWER_IN_STORE)

    @property
    def quarantined(self) -> int:
        """Copies and definitions that wait in quarantine, their bytes kept or not."""
        return self._both(Verdict.QUARANTINED) + self._both(Verdict.ONLY_IN_SOURCE)

    @property
    def reasons(self) -> list[ReasonToKeep]:
        """Why the source has to be kept, the most important first."""
        counts = {
            Cause.NOT_IMPORTED: int(not self.was_imported and bool(self.differences)),
            Cause.DIFFERENT: len(self.differences),
            Cause.NO_COPY: int(not self.checked),
            Cause.NOT_READ: len(self.not_read),
            Cause.GONE: len(self.gone),
            Cause.IMPORT_INTERRUPTED: int(self.is_interrupted),
            Cause.NEWER_IN_ENGINE_DB: len(self.newer_in_engine_db),
            Cause.NOT_COMPARED: self._both(Verdict.DETACHED) + self._both(Verdict.FORGOTTEN),
            Cause.ONLY_IN_SOURCE: self._both(Verdict.ONLY_IN_SOURCE),
            Cause.QUARANTINED: self._both(Verdict.QUARANTINED),
            Cause.NO_BACKUP: int(self.backup is None),
        }
        return [ReasonToKeep(cause, counts[cause]) for cause in Cause if counts[cause]]

    @property
    def may_delete_source(self) -> bool:
        """Whether all of the source is in the store, and the store in a backup."""
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object.

        ``superseded`` and ``skipped`` are part of ``same``, and ``only_in_source`` of
        ``quarantined``; ``newer_in_store``, ``quarantined`` and ``discarded`` count definitions
        too.
        """
        return {
            "root": self.root,
            "checked": self.checked,
            "same": self.same,
            "superseded": self.copies[Verdict.SUPERSEDED],
            "skipped": self.copies[Verdict.SKIPPED],
            "newer_in_store": self.newer_in_store,
            "quarantined": self.quarantined,
            "discarded": self._both(Verdict.DISCARDED),
            "detached": self._both(Verdict.DETACHED),
            "forgotten": self._both(Verdict.FORGOTTEN),
            "only_in_source": self._both(Verdict.ONLY_IN_SOURCE),
            "definitions": self._definitions(),
            "differences": [_difference(one) for one in self.differences],
            "not_read": [{"path": one.path, "reason": one.reason} for one in self.not_read],
            "gone": self.gone,
            "newer_in_engine_db": self.newer_in_engine_db,
            "may_delete_source": self.may_delete_source,
            "reasons": [{"code": one.cause.value, "count": one.count} for one in self.reasons],
        }

    def _both(self, verdict: Verdict) -> int:
        return self.copies[verdict] + self.definitions[verdict]

    def _definitions(self) -> dict[str, int]:
        different = sum(one.automation_id is not None for one in self.differences)
        counts = {one.value: self.definitions[one] for one in Verdict if one != Verdict.SKIPPED}
        return {
            "checked": self.definitions.total() + different,
            **counts,
            "different": different,
        }


_SAME = (Verdict.SAME, Verdict.SUPERSEDED, Verdict.SKIPPED)


def _difference(one: Difference) -> dict[str, str | None]:
    return {
        "run_id": one.run_id,
        "automation_id": one.automation_id,
        "what": one.what,
        "path": one.path,
    }

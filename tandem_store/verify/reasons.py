"""Why a source must not be deleted yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """A kind of reason; in the order of importance."""

    #: The store knows neither the directory nor anything in it.
    NOT_IMPORTED = "not_imported"
    #: Copies or definitions that the store does not account for.
    DIFFERENT = "different"
    #: Not a single copy of a run was found, so nothing was shown.
    NO_COPY = "no_copy"
    #: Files and folders that could not be read, or links that were not followed.
    NOT_READ = "not_read"
    #: Files of runs that were imported and are not there any more, so nothing was compared.
    GONE = "gone"
    #: An import of this directory was begun and not ended.
    IMPORT_INTERRUPTED = "import_interrupted"
    #: Runs of which the engine's own database has a newer state, or the only one.
    NEWER_IN_ENGINE_DB = "newer_in_engine_db"
    #: Copies whose runs left with their months, or lost their content, so nothing was compared.
    NOT_COMPARED = "not_compared"
    #: Quarantined copies that were too large to keep: only the source has their bytes.
    ONLY_IN_SOURCE = "only_in_source"
    #: Quarantined copies, whose bytes the store has, and of which nobody has decided.
    QUARANTINED = "quarantined"
    #: No backup of the store was made since its last import.
    NO_BACKUP = "no_backup"


@dataclass(frozen=True, slots=True)
class ReasonToKeep:
    """One reason, and how many copies, files or runs it is about; 1 where that says nothing."""

    cause: Cause
    count: int

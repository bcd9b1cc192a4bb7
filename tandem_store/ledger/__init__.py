"""The ledger of imports: every file that was read and every copy of a run found in it.

Resuming, the report, verification and ``runs show --origin`` all read it. It is kept small:
directories are stored once, hashes are compared instead of texts, and a copy is one row.

The names here need no database, because parser processes use them. ``reader`` and ``writer`` do.
"""

from tandem_store.ledger.outcomes import CopyOutcome, Kind, Part, Reason, ReasonCode
from tandem_store.ledger.rows import (
    DatedRun,
    Entry,
    FileRow,
    FileState,
    Import,
    KnownCopy,
    KnownFile,
    OutcomeRow,
    ReadFile,
    SeenRow,
    Tally,
)

__all__ = [
    "CopyOutcome",
    "DatedRun",
    "Entry",
    "FileRow",
    "FileState",
    "Import",
    "Kind",
    "KnownCopy",
    "KnownFile",
    "OutcomeRow",
    "Part",
    "ReadFile",
    "Reason",
    "ReasonCode",
    "SeenRow",
    "Tally",
]

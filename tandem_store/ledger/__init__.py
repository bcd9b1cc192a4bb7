"""The ledger of imports: every file that was read and every copy of a run found in it.

Resume, report, verification and ``runs show --origin`` all read it. It is slim by design:
directories are stored once, hashes are compared instead of texts, and a copy is one row.
"""

from tandem_store.ledger.outcomes import CopyOutcome, Kind, Part, Reason, ReasonCode
from tandem_store.ledger.reader import LedgerReader
from tandem_store.ledger.rows import DatedRun, Entry, Import, KnownFile, ReadFile, Tally
from tandem_store.ledger.writer import Ledger

__all__ = [
    "CopyOutcome",
    "DatedRun",
    "Entry",
    "Import",
    "Kind",
    "KnownFile",
    "Ledger",
    "LedgerReader",
    "Part",
    "ReadFile",
    "Reason",
    "ReasonCode",
    "Tally",
]

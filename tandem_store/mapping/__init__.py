"""Between a run record and its rows: the only place that knows both shapes.

A run is stored in three rows: its columns (``runs``), the rest of its record (``run_documents``)
and the definition it ran with (``automation_snapshots``), which many runs share.
"""

from tandem_store.mapping.compression import compress, decompress
from tandem_store.mapping.facts import LARGEST_BIGINT
from tandem_store.mapping.limits import LONGEST_ID, LONGEST_TOGETHER, refuse_long_id
from tandem_store.mapping.overlay import lay, lift
from tandem_store.mapping.rows import (
    STORED_VERSION,
    ReadRecord,
    RunRows,
    columns_of,
    read_record,
    record_of,
    rows_of,
)
from tandem_store.mapping.snapshot import (
    DEFINITION_VERSION,
    LiftedSnapshot,
    Snapshot,
    snapshot_document,
)

__all__ = [
    "DEFINITION_VERSION",
    "LARGEST_BIGINT",
    "LONGEST_ID",
    "LONGEST_TOGETHER",
    "STORED_VERSION",
    "LiftedSnapshot",
    "ReadRecord",
    "RunRows",
    "Snapshot",
    "columns_of",
    "compress",
    "decompress",
    "lay",
    "lift",
    "read_record",
    "record_of",
    "refuse_long_id",
    "rows_of",
    "snapshot_document",
]

"""A repository for the automation run records of the Tandem engine.

``open_store`` is where to begin, ``upgrade`` makes what it opens.
"""

from tandem_store.database.revisions import upgrade
from tandem_store.errors import (
    ConflictError,
    InvalidCursorError,
    InvalidFilterError,
    LeaseLostError,
    LegacyFormatError,
    MonthDetachedError,
    NotAStoreError,
    NotFoundError,
    RecordTooNewError,
    SchemaAheadError,
    SchemaBehindError,
    SourceError,
    StoreError,
    StoreLockedError,
    TenantScopeError,
    UnfinishedCopyError,
    UnstorableError,
)
from tandem_store.month import Month
from tandem_store.records import (
    ANY_DEPLOYMENT,
    AutomationSpec,
    RunFilter,
    RunRecord,
    RunSummary,
    TenantScope,
)
from tandem_store.release import RELEASE
from tandem_store.runs import Claim, DamagedRun, Page, RunStatistics, Versioned
from tandem_store.store import (
    ReadTransaction,
    Store,
    TenantReadTransaction,
    TenantStore,
    TenantTransaction,
    Transaction,
    open_store,
)

__version__ = RELEASE

__all__ = [
    "ANY_DEPLOYMENT",
    "AutomationSpec",
    "Claim",
    "ConflictError",
    "DamagedRun",
    "InvalidCursorError",
    "InvalidFilterError",
    "LeaseLostError",
    "LegacyFormatError",
    "Month",
    "MonthDetachedError",
    "NotAStoreError",
    "NotFoundError",
    "Page",
    "ReadTransaction",
    "RecordTooNewError",
    "RunFilter",
    "RunRecord",
    "RunStatistics",
    "RunSummary",
    "SchemaAheadError",
    "SchemaBehindError",
    "SourceError",
    "Store",
    "StoreError",
    "StoreLockedError",
    "TenantReadTransaction",
    "TenantScope",
    "TenantScopeError",
    "TenantStore",
    "TenantTransaction",
    "Transaction",
    "UnfinishedCopyError",
    "UnstorableError",
    "Versioned",
    "__version__",
    "open_store",
    "upgrade",
]

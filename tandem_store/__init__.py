"""A repository for the automation run records of the Tandem engine.

``open_store`` is where to begin; ``upgrade`` makes the database that it opens.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

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
    AutomationRunCheckpoint,
    AutomationSpec,
    RunFilter,
    RunRecord,
    RunStatus,
    RunSummary,
    StopKind,
    TenantContext,
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

if TYPE_CHECKING:
    from tandem_store.backup import BackupReport, RestoreReport, backup_store, restore_store
    from tandem_store.copying import CopyReport, copy_store
    from tandem_store.importer import ImportOptions, ImportReport, import_state
    from tandem_store.verify import VerifyReport, verify_state

__version__ = RELEASE

__all__ = [
    "ANY_DEPLOYMENT",
    "AutomationRunCheckpoint",
    "AutomationSpec",
    "BackupReport",
    "Claim",
    "ConflictError",
    "CopyReport",
    "DamagedRun",
    "ImportOptions",
    "ImportReport",
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
    "RestoreReport",
    "RunFilter",
    "RunRecord",
    "RunStatistics",
    "RunStatus",
    "RunSummary",
    "SchemaAheadError",
    "SchemaBehindError",
    "SourceError",
    "StopKind",
    "Store",
    "StoreError",
    "StoreLockedError",
    "TenantContext",
    "TenantReadTransaction",
    "TenantScope",
    "TenantScopeError",
    "TenantStore",
    "TenantTransaction",
    "Transaction",
    "UnfinishedCopyError",
    "UnstorableError",
    "VerifyReport",
    "Versioned",
    "__version__",
    "backup_store",
    "copy_store",
    "import_state",
    "open_store",
    "restore_store",
    "upgrade",
    "verify_state",
]

#: Names that are imported when they are first used, and their packages: a service that reads and
#: writes runs needs neither parser processes nor the copying of stores.
_IMPORTED_LATER: Final = {
    "BackupReport": "tandem_store.backup",
    "CopyReport": "tandem_store.copying",
    "ImportOptions": "tandem_store.importer",
    "ImportReport": "tandem_store.importer",
    "RestoreReport": "tandem_store.backup",
    "VerifyReport": "tandem_store.verify",
    "backup_store": "tandem_store.backup",
    "copy_store": "tandem_store.copying",
    "import_state": "tandem_store.importer",
    "restore_store": "tandem_store.backup",
    "verify_state": "tandem_store.verify",
}

if not TYPE_CHECKING:  # with it, a type checker would accept any name

    def __getattr__(name: str) -> object:
        if (package := _IMPORTED_LATER.get(name)) is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(package), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_IMPORTED_LATER})

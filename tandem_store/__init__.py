"""A repository for the automation run records of the Tandem engine.

Start with ``open_store``; ``upgrade`` creates the database that it opens.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from tandem_store.release import RELEASE

if TYPE_CHECKING:
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

#: Where the names above are defined: modules without dependencies first. They are imported when a
#: name is first used, because SQLAlchemy and Pydantic take most of a second.
_MODULES: Final = (
    "tandem_store.errors",
    "tandem_store.month",
    "tandem_store.records",
    "tandem_store.runs",
    "tandem_store.store",
    "tandem_store.database.revisions",
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in __all__:
            for module in map(import_module, _MODULES):
                if hasattr(module, name):
                    globals()[name] = value = getattr(module, name)
                    return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

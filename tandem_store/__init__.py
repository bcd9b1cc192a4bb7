"""A repository for the automation run records of the Tandem engine.

Start with ``open_store``; ``upgrade`` creates the database that it opens.
"""

from typing import TYPE_CHECKING, Final

from tandem_store.lazy import lazily
from tandem_store.release import installed_release

if TYPE_CHECKING:
    __version__: str
    from tandem_store.archiving import (
        AttachReport,
        DetachReport,
        DropReport,
        ForgetReport,
        RetentionPlan,
        RetentionReport,
        attach_month,
        detach_month,
        drop_month,
        forget_content,
        plan_retention,
        retain_months,
    )
    from tandem_store.backup import BackupReport, RestoreReport, backup_store, restore_store
    from tandem_store.copying import CopyReport, copy_store
    from tandem_store.database.revisions import upgrade
    from tandem_store.differences import RunDifference, compare_runs, json_patch
    from tandem_store.errors import (
        ConflictError,
        ContentForgottenError,
        HeldError,
        InvalidCursorError,
        InvalidFieldError,
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
    from tandem_store.exporter import (
        ExportReport,
        LegacyExportReport,
        export_csv,
        export_jsonl,
        export_legacy,
        export_parquet,
    )
    from tandem_store.importer import ImportOptions, ImportReport, import_state
    from tandem_store.month import Month
    from tandem_store.recompression import CompactReport, compact_months, plan_compacting
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
    from tandem_store.runs import (
        ApprovalPage,
        AutomationActivity,
        AutomationHealth,
        Claim,
        DamagedRun,
        LastRun,
        Page,
        PendingApproval,
        RunStatistics,
        Versioned,
    )
    from tandem_store.sql_functions import register_sql_functions
    from tandem_store.store import (
        ReadTransaction,
        Store,
        TenantReadTransaction,
        TenantStore,
        TenantTransaction,
        Transaction,
        open_store,
    )
    from tandem_store.verify import VerifyReport, verify_state

__all__ = [
    "ANY_DEPLOYMENT",
    "ApprovalPage",
    "AttachReport",
    "AutomationActivity",
    "AutomationHealth",
    "AutomationRunCheckpoint",
    "AutomationSpec",
    "BackupReport",
    "Claim",
    "CompactReport",
    "ConflictError",
    "ContentForgottenError",
    "CopyReport",
    "DamagedRun",
    "DetachReport",
    "DropReport",
    "ExportReport",
    "ForgetReport",
    "HeldError",
    "ImportOptions",
    "ImportReport",
    "InvalidCursorError",
    "InvalidFieldError",
    "InvalidFilterError",
    "LastRun",
    "LeaseLostError",
    "LegacyExportReport",
    "LegacyFormatError",
    "Month",
    "MonthDetachedError",
    "NotAStoreError",
    "NotFoundError",
    "Page",
    "PendingApproval",
    "ReadTransaction",
    "RecordTooNewError",
    "RestoreReport",
    "RetentionPlan",
    "RetentionReport",
    "RunDifference",
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
    "attach_month",
    "backup_store",
    "compact_months",
    "compare_runs",
    "copy_store",
    "detach_month",
    "drop_month",
    "export_csv",
    "export_jsonl",
    "export_legacy",
    "export_parquet",
    "forget_content",
    "import_state",
    "json_patch",
    "open_store",
    "plan_compacting",
    "plan_retention",
    "register_sql_functions",
    "restore_store",
    "retain_months",
    "upgrade",
    "verify_state",
]

#: Where the names above are defined: modules without dependencies first. They are imported when a
#: name is first used, because SQLAlchemy and Pydantic take most of a second.
_MODULES: Final = (
    "tandem_store.errors",
    "tandem_store.month",
    "tandem_store.records",
    "tandem_store.runs",
    "tandem_store.store",
    "tandem_store.differences",
    "tandem_store.database.revisions",
    "tandem_store.importer",
    "tandem_store.verify",
    "tandem_store.copying",
    "tandem_store.backup",
    "tandem_store.recompression",
    "tandem_store.exporter",
    "tandem_store.archiving",
)

if not TYPE_CHECKING:
    _lazily = lazily(__name__, __all__, _MODULES)

    def __getattr__(name: str) -> object:
        if name == "__version__":
            return installed_release()
        if name == "register_sql_functions":
            # Behind the others it would wait for all of them, and before them they for it.
            from tandem_store.sql_functions import register_sql_functions

            return register_sql_functions
        return _lazily(name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

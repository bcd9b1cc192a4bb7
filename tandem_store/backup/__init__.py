"""Backups: one portable file with all of a store, verified before it has its name."""

from tandem_store.backup.job import backup_store
from tandem_store.backup.report import BackupReport, RestoreReport
from tandem_store.backup.restore import restore_store
from tandem_store.backup.upgrade import upgrade_after_backup

__all__ = [
    "BackupReport",
    "RestoreReport",
    "backup_store",
    "restore_store",
    "upgrade_after_backup",
]

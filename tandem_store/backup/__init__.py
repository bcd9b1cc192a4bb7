"""Backups: one portable file with all of a store, verified before it has its name."""

from tandem_store.backup.report import BackupReport, RestoreReport
from tandem_store.backup.restoring import restore_store
from tandem_store.backup.run import backup_store
from tandem_store.backup.upgrading import upgrade_after_backup

__all__ = [
    "BackupReport",
    "RestoreReport",
    "backup_store",
    "restore_store",
    "upgrade_after_backup",
]

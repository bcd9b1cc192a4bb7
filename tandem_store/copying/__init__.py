"""One store into another database: bounded batches, resumable, compared before it may be opened."""

from tandem_store.copying.job import copy_store
from tandem_store.copying.report import CopyReport, RowSum, TableDifference

__all__ = ["CopyReport", "RowSum", "TableDifference", "copy_store"]

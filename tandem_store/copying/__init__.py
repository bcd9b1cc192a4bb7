"""One store into another database: bounded batches, resumable, compared before it may be opened."""

from tandem_store.copying.job import copy_store
from tandem_store.copying.report import CopyReport, Difference, Tally

__all__ = ["CopyReport", "Difference", "Tally", "copy_store"]

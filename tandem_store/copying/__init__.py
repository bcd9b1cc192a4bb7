"""One store into another database: bounded batches, resumable, compared before it may be opened."""

from tandem_store.copying.report import CopyReport, Difference, Tally
from tandem_store.copying.run import copy_store

__all__ = ["CopyReport", "Difference", "Tally", "copy_store"]

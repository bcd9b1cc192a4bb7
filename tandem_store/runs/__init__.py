"""The runs: read, listed, counted and summed; added, saved and deleted.

Everything here works on an open connection and never commits.
"""

from tandem_store.runs.claims import Claim
from tandem_store.runs.documents import StoredRun, Versioned
from tandem_store.runs.listing import Page
from tandem_store.runs.reader import RunReader
from tandem_store.runs.statistics import RunStatistics
from tandem_store.runs.storage import PackedRun
from tandem_store.runs.stream import DamagedRun
from tandem_store.runs.writer import Runs

__all__ = [
    "Claim",
    "DamagedRun",
    "PackedRun",
    "Page",
    "RunReader",
    "RunStatistics",
    "Runs",
    "StoredRun",
    "Versioned",
]

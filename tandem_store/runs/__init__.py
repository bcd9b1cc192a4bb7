"""The runs: read, listed, counted and summed; added, changed, claimed and deleted.

``reader`` and ``writer`` are what transactions offer. Their methods call the function of the same
name in the module that does the work, with one ``RunsContext``: the connection and the tenant.
Nothing here commits.
"""

from tandem_store.runs.activity import AutomationActivity, LastRun
from tandem_store.runs.approvals import ApprovalPage, PendingApproval
from tandem_store.runs.claims import Claim
from tandem_store.runs.detached_runs import DetachedMonth
from tandem_store.runs.documents import StoredRun, Versioned
from tandem_store.runs.health import AutomationHealth
from tandem_store.runs.listing import Page
from tandem_store.runs.reader import RunReader
from tandem_store.runs.statistics import RunStatistics
from tandem_store.runs.stream import DamagedRun
from tandem_store.runs.writer import Runs

__all__ = [
    "ApprovalPage",
    "AutomationActivity",
    "AutomationHealth",
    "Claim",
    "DamagedRun",
    "DetachedMonth",
    "LastRun",
    "Page",
    "PendingApproval",
    "RunReader",
    "RunStatistics",
    "Runs",
    "StoredRun",
    "Versioned",
]

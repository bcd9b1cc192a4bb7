"""How one run differs from another: for people, part by part, and for programs, as a JSON Patch.

Everything here works on two complete records, and knows no database.
"""

from tandem_store.differences.comparison import (
    ComparedField,
    ComparedNode,
    NodeResult,
    RunDifference,
    compare_runs,
)
from tandem_store.differences.json_changes import ABSENT, Absent, Change
from tandem_store.differences.patches import json_patch

__all__ = [
    "ABSENT",
    "Absent",
    "Change",
    "ComparedField",
    "ComparedNode",
    "NodeResult",
    "RunDifference",
    "compare_runs",
    "json_patch",
]

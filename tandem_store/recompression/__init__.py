"""Compacting months: documents that no longer change, compressed again with a dictionary."""

from tandem_store.recompression.job import compact_months
from tandem_store.recompression.plan import GRACE_DAYS, MonthPlan, plan_compacting
from tandem_store.recompression.report import CompactedMonth, CompactReport

__all__ = [
    "GRACE_DAYS",
    "CompactReport",
    "CompactedMonth",
    "MonthPlan",
    "compact_months",
    "plan_compacting",
]

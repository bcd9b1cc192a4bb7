"""What an operator does with months: take them out, bring them back, forget or drop them."""

from tandem_store.archiving.attach import attach_month
from tandem_store.archiving.blockers import Blocker
from tandem_store.archiving.detach import detach_month
from tandem_store.archiving.drop import drop_month
from tandem_store.archiving.forget import forget_content
from tandem_store.archiving.report import (
    AttachReport,
    DetachReport,
    DropReport,
    ForgetReport,
)
from tandem_store.archiving.retain import (
    RetentionPlan,
    RetentionReport,
    RetentionStep,
    plan_retention,
    retain_months,
)

__all__ = [
    "AttachReport",
    "Blocker",
    "DetachReport",
    "DropReport",
    "ForgetReport",
    "RetentionPlan",
    "RetentionReport",
    "RetentionStep",
    "attach_month",
    "detach_month",
    "drop_month",
    "forget_content",
    "plan_retention",
    "retain_months",
]

"""Comparing a source with the store, copy by copy: the proof that an import lost nothing."""

from tandem_store.verify.check import verify_state
from tandem_store.verify.reasons import Cause, Reason
from tandem_store.verify.report import Difference, Verdict, VerifyReport

__all__ = ["Cause", "Difference", "Reason", "Verdict", "VerifyReport", "verify_state"]

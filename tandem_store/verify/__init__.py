"""Comparing a source with the store, copy by copy: the proof that an import lost nothing."""

from tandem_store.verify.check import verify_state
from tandem_store.verify.reasons import Cause, ReasonToKeep
from tandem_store.verify.report import Difference, Verdict, VerifyReport

__all__ = ["Cause", "Difference", "ReasonToKeep", "Verdict", "VerifyReport", "verify_state"]

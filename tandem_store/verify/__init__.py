"""The source against the store, copy by copy: the proof that an import lost nothing."""

from tandem_store.verify.check import verify_state
from tandem_store.verify.report import Difference, VerifyReport

__all__ = ["Difference", "VerifyReport", "verify_state"]

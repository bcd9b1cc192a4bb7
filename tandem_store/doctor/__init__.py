"""The examination of a store: what is damaged, missing, unsafe or waiting for somebody."""

from tandem_store.doctor.examination import examine
from tandem_store.doctor.findings import Finding, Report, Severity

__all__ = ["Finding", "Report", "Severity", "examine"]

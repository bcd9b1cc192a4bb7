"""The way back: runs and definitions as a state directory that the engine reads."""

from tandem_store.exporter.state_directory.job import export_legacy
from tandem_store.exporter.state_directory.limits import Limit
from tandem_store.exporter.state_directory.report import LegacyExportReport, LimitedRun

__all__ = ["LegacyExportReport", "Limit", "LimitedRun", "export_legacy"]

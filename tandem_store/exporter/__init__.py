"""Runs out of the store: for other programs, and back into the files of the engine."""

from tandem_store.exporter.fields import COLUMNS, DERIVED, ExportedRun, Field, parse_fields
from tandem_store.exporter.parquet import export_parquet
from tandem_store.exporter.report import ExportReport
from tandem_store.exporter.state_directory import (
    LegacyExportReport,
    Limit,
    LimitedRun,
    export_legacy,
)
from tandem_store.exporter.text_files import export_csv, export_jsonl

__all__ = [
    "COLUMNS",
    "DERIVED",
    "ExportReport",
    "ExportedRun",
    "Field",
    "LegacyExportReport",
    "Limit",
    "LimitedRun",
    "export_csv",
    "export_jsonl",
    "export_legacy",
    "export_parquet",
    "parse_fields",
]

"""Exports as Parquet: a table of runs and a table of node outputs, with a folder for each month."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL

from tandem_store.atomic_file import (
    name_taken,
    os_errors_as_store_errors,
    publish_folder,
    workspace,
)
from tandem_store.errors import StoreError
from tandem_store.exporter.fields import (
    COLUMNS,
    TIMES,
    ExportedRun,
    Field,
    exported,
    left_out,
    parse_fields,
)
from tandem_store.exporter.report import ExportReport
from tandem_store.jsontext import dumps
from tandem_store.month import Month
from tandem_store.progress import Progress, ignore_progress
from tandem_store.records import RunFilter
from tandem_store.store import ReadTransaction, open_store

if TYPE_CHECKING:
    import pyarrow

_RUNS: Final = "runs"
_NODE_OUTPUTS: Final = "node_outputs"
#: The two tables, each a folder of the export.
TABLES: Final = (_RUNS, _NODE_OUTPUTS)

#: Columns whose values are not text. A time is a timestamp in UTC, named without its unit.
_INTEGERS: Final = (
    "completed_nodes",
    "pending_nodes",
    "blocked_nodes",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "revision",
    "attempts",
    "nodes_attempted",
    "outputs_failed_validation",
    "gates_decided",
)
_BOOLEANS: Final = ("needs_repair",)
_FLOATS: Final = ("estimated_cost_usd",)
_DEFAULT: Final = tuple(
    moment if (moment := name.removesuffix("_ms")) in TIMES else name
    for name in COLUMNS
    if name != "month"
)

#: What is in memory at most before it is written as a row group: rows, and bytes of outputs.
_ROWS: Final = 20_000
_BYTES: Final = 16_000_000


def export_parquet(
    url: str | URL,
    target: str | os.PathLike[str],
    *,
    run_filter: RunFilter | None = None,
    fields: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write runs and the outputs of their nodes as Parquet, into a new folder.

    The folder has two tables, ``runs`` and ``node_outputs``, each with a folder for each month,
    such as ``month=2026-08``, as other programs expect it ("Hive partitioning"). A row of ``runs``
    has the columns of a run, or ``fields`` (see ``parse_fields``); times are timestamps in UTC, and
    values inside a record are JSON as text. A row of ``node_outputs`` is the output of one node, as
    JSON.

    The store is seen as it is at one moment. Memory does not depend on how many runs there are. The
    folder appears when it is complete. ``progress`` is called with the phase, how many runs are
    done, and how many there are.

    Raises:
        StoreError: the folder exists, cannot be written, or pyarrow is not installed.
        InvalidFieldError: there is no such field, or none but ``month``, which the folders say.
        RecordTooNewError, NotAStoreError: a record cannot be read.
    """
    began, path = time.monotonic(), Path(target).absolute()
    chosen = parse_fields(_DEFAULT if fields is None else _without_month(fields))
    report = ExportReport(str(path), [one.name for one in chosen], node_outputs=0)
    tables = _Tables.of(chosen)
    if os.path.lexists(path):
        raise name_taken(path)
    with os_errors_as_store_errors(), workspace(path.parent) as room:
        made = room / path.name
        made.mkdir(mode=0o700)
        with open_store(url) as store, store.read() as tx:
            export = _Export(tx, made, tables, report, progress or ignore_progress)
            export.write(run_filter)
        report.bytes = sum(one.stat().st_size for one in made.rglob("*.parquet"))
        publish_folder(made, path)
    report.seconds = time.monotonic() - began
    return report


def _without_month(fields: Sequence[str]) -> list[str]:
    # The folder of a partition says the month, and programs refuse a column that repeats it.
    return [name for name in fields if name != "month"]


@dataclass(frozen=True, slots=True)
class _Tables:
    """The fields of the runs, and the schemas of both tables."""

    fields: tuple[Field, ...]
    schemas: dict[str, pyarrow.Schema]

    @classmethod
    def of(cls, fields: tuple[Field, ...]) -> _Tables:
        """Return the tables; raises ``StoreError`` if pyarrow is not installed."""
        try:
            import pyarrow as pa
        except ImportError as error:
            raise StoreError(
                "Parquet needs pyarrow. Install it: pip install 'tandem-store[parquet]'"
            ) from error
        outputs = [
            pa.field("run_id", pa.string(), nullable=False),
            pa.field("automation_id", pa.string(), nullable=False),
            pa.field("node_id", pa.string(), nullable=False),
            pa.field("attempts", pa.int64()),
            pa.field("output", pa.string(), nullable=False),
        ]
        return cls(
            fields,
            {
                _RUNS: pa.schema([pa.field(one.name, _type(pa, one.name)) for one in fields]),
                _NODE_OUTPUTS: pa.schema(outputs),
            },
        )

    def row(self, run: ExportedRun) -> dict[str, Any]:
        """Return the row of a run."""
        return {one.name: _value(one, run) for one in self.fields}


def _type(pa: Any, name: str) -> Any:
    if name in TIMES:
        return pa.timestamp("ms", tz="UTC")
    if name in _INTEGERS or name.endswith("_ms"):
        return pa.int64()
    if name in _BOOLEANS:
        return pa.bool_()
    return pa.float64() if name in _FLOATS else pa.string()


def _value(one: Field, run: ExportedRun) -> Any:
    if one.name in TIMES:
        return run.columns[f"{one.name}_ms"]  # which is what a timestamp is made of
    value = one.of(run)
    return dumps(value).decode() if one.is_pointer and value is not None else value


def _output_rows(run: ExportedRun) -> Iterator[dict[str, Any]]:
    if run.record is None:
        return
    checkpoint = run.record["checkpoint"]
    for node_id, output in checkpoint["node_outputs"].items():
        yield {
            "run_id": run.columns["run_id"],
            "automation_id": run.columns["automation_id"],
            "node_id": node_id,
            "attempts": checkpoint["node_attempts"].get(node_id),
            "output": dumps(output).decode(),
        }


@dataclass(slots=True)
class _Export:
    """One export at work."""

    tx: ReadTransaction
    folder: Path
    tables: _Tables
    report: ExportReport
    progress: Progress

    def write(self, run_filter: RunFilter | None) -> None:
        """Write all months."""
        total = self.tx.runs.count(run_filter)
        self.report.detached = left_out(self.tx)
        for table in TABLES:
            (self.folder / table).mkdir()
        for state in self.tx.months.in_use():
            if state.state == "attached":
                self._write_month(state.month, run_filter, total)

    def _write_month(self, month: Month, run_filter: RunFilter | None, total: int) -> None:
        with ExitStack() as opened:
            files = {
                name: opened.enter_context(
                    _PartitionFile(self.folder / name / f"month={month}", self.tables.schemas[name])
                )
                for name in TABLES
            }
            for stored in self.tx.runs.month_documents(month, run_filter):
                run = exported(stored)
                self.report.forgotten += stored.is_forgotten
                files[_RUNS].add(self.tables.row(run), 0)
                for row in _output_rows(run):
                    files[_NODE_OUTPUTS].add(row, len(row["output"]))
                self.report.runs += 1
                self.progress("exporting", self.report.runs, max(self.report.runs, total))
            self.report.node_outputs = (self.report.node_outputs or 0) + files[_NODE_OUTPUTS].rows


@dataclass(slots=True)
class _PartitionFile:
    """The file of one month of a table; it is made with its first row."""

    folder: Path
    schema: pyarrow.Schema
    rows: int = 0
    _writer: Any = None
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _size: int = 0

    def add(self, row: dict[str, Any], size: int) -> None:
        """Add a row, whose outputs have so many bytes."""
        self._waiting.append(row)
        self.rows += 1
        self._size += size
        if len(self._waiting) >= _ROWS or self._size >= _BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if self._writer is None:
            self.folder.mkdir()
            self._writer = parquet.ParquetWriter(
                self.folder / "part-0.parquet", self.schema, compression="zstd"
            )
        self._writer.write_table(pa.Table.from_pylist(self._waiting, self.schema))
        self._waiting, self._size = [], 0

    def __enter__(self) -> _PartitionFile:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._waiting and kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

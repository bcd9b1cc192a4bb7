"""Exports as lines of text: JSON Lines and CSV, into a file or an open stream."""

from __future__ import annotations

import csv
import gzip
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import URL

from tandem_store.atomic_file import (
    name_taken,
    os_errors_as_store_errors,
    publish,
    workspace,
)
from tandem_store.exporter.fields import (
    ExportedRun,
    Field,
    column_fields,
    complete_runs,
    left_out,
    parse_fields,
    runs_with_fields,
)
from tandem_store.exporter.report import ExportReport
from tandem_store.jsontext import dumps
from tandem_store.progress import Progress, ignore_progress
from tandem_store.records import RunFilter
from tandem_store.store import ReadTransaction, open_store
from tandem_store.zstd import ZstdFile

Target = str | os.PathLike[str] | BinaryIO

#: Runs between two calls of the progress function.
_STEP: Final = 100
#: Level 6 of gzip, as of the program; level 3 of zstd, as of documents.
_GZIP_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3


def export_jsonl(
    url: str | URL,
    target: Target,
    *,
    run_filter: RunFilter | None = None,
    fields: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write runs as JSON Lines, the oldest created first: one JSON object for each run.

    Without ``fields`` it is the complete record as the engine writes it (``RunRecord.to_legacy``);
    else it has a key for each field (see ``parse_fields``). ``target`` is a path, whose file
    appears when it is complete and is compressed if its name ends in ``.gz`` or ``.zst``; or a
    binary stream. The store is seen as it is at one moment, and memory stays the same however many
    runs there are. ``progress`` is called with the phase, how many runs are done, and how many
    there are.

    Raises:
        StoreError: the file exists, or cannot be written.
        InvalidFieldError: there is no such field.
        RecordTooNewError, NotAStoreError: a record cannot be read.

    >>> report = export_jsonl(filled_url, folder / "runs.jsonl.zst")
    >>> report.runs
    3
    """
    chosen = None if fields is None else parse_fields(fields)
    lines = _Lines(chosen, b"", _json_line(chosen))
    return _Export(url, lines, run_filter, progress or ignore_progress).into(target)


def export_csv(
    url: str | URL,
    target: Target,
    *,
    run_filter: RunFilter | None = None,
    fields: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write runs as CSV (RFC 4180, UTF-8) with a line of names, the oldest created first.

    Without ``fields`` these are all columns. A null is an empty cell; a list or an object is a cell
    with its JSON. The other arguments, and what is raised, are as in ``export_jsonl``.

    >>> report = export_csv(filled_url, folder / "runs.csv", fields=["run_id", "status"])
    >>> (folder / "runs.csv").read_text().split()
    ['run_id,status', 'run-1,completed', 'run-2,failed', 'run-3,completed']
    """
    chosen = column_fields() if fields is None else parse_fields(fields)
    heading = _csv_line([field.name for field in chosen])
    lines = _Lines(
        chosen, heading, lambda run: _csv_line([_cell(field.of(run)) for field in chosen])
    )
    return _Export(url, lines, run_filter, progress or ignore_progress).into(target)


@dataclass(frozen=True, slots=True)
class _Lines:
    """What is written: a heading, and a line for each run, of its fields or the whole record."""

    fields: tuple[Field, ...] | None
    heading: bytes
    line: Callable[[ExportedRun], bytes]

    @property
    def needs_record(self) -> bool:
        """Whether more than the columns is written."""
        return self.fields is None or any(field.is_pointer for field in self.fields)

    def runs(self, tx: ReadTransaction, run_filter: RunFilter | None) -> Iterator[ExportedRun]:
        """Yield the runs with what their lines need."""
        if self.fields is None:
            return complete_runs(tx, run_filter)
        return runs_with_fields(tx, run_filter, self.fields)


@dataclass(frozen=True, slots=True)
class _Export:
    """One export of a store."""

    url: str | URL
    lines: _Lines
    run_filter: RunFilter | None
    progress: Progress

    def into(self, target: Target) -> ExportReport:
        """Write everything into a new file, or an open stream."""
        began, fields = time.monotonic(), self.lines.fields
        report = ExportReport(None, None if fields is None else [one.name for one in fields])
        if isinstance(target, str | os.PathLike):
            self._into_file(Path(target).absolute(), report)
        else:
            stream = _CountingStream(target)
            self._write(stream, report)
            report.bytes = stream.bytes
        report.seconds = time.monotonic() - began
        return report

    def _into_file(self, path: Path, report: ExportReport) -> None:
        report.target = str(path)
        if os.path.lexists(path):
            raise name_taken(path)
        with os_errors_as_store_errors(), workspace(path.parent) as room:
            made = room / path.name
            with _opened(made) as stream:
                self._write(stream, report)
            report.bytes = made.stat().st_size
            try:
                publish(made, path)
            except FileExistsError as error:
                raise name_taken(path) from error

    def _write(self, stream: Any, report: ExportReport) -> None:
        with open_store(self.url) as store, store.read() as tx:
            total = tx.runs.count(self.run_filter)
            stream.write(self.lines.heading)
            report.detached = left_out(tx)
            for run in self.lines.runs(tx, self.run_filter):
                if self.lines.needs_record and run.record is None:
                    report.forgotten += 1
                    if self.lines.fields is None:
                        continue
                stream.write(self.lines.line(run))
                report.runs += 1
                if report.runs % _STEP == 0:
                    self.progress("exporting", report.runs, max(report.runs, total))


class _CountingStream:
    """A stream that counts what is written to it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Write all of the data."""
        self._stream.write(data)
        self.bytes += len(data)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a new file that is compressed as its name says."""
    with path.open("xb") as file:
        path.chmod(0o600)
        if path.suffix == ".gz":
            # Without a time and a name in the header, equal runs make equal files.
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as stream:
                yield stream
        elif path.suffix == ".zst":
            with ZstdFile(file, "wb", level=_ZSTD_LEVEL) as stream:
                yield stream
        else:
            yield file


def _json_line(fields: tuple[Field, ...] | None) -> Callable[[ExportedRun], bytes]:
    if fields is None:
        return lambda run: dumps(run.record) + b"\n"
    return lambda run: dumps({field.name: field.of(run) for field in fields}) + b"\n"


def _csv_line(cells: Sequence[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return what a cell shows: numbers and booleans as JSON does, and text as it is."""
    if value is None or isinstance(value, str):
        return value
    return dumps(value).decode()

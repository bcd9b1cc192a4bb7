"""An export for the engine: a shard for every run, the hot file, and the definitions.

Note [Unfinished]

Everything is written into a folder beside the target, called after it with ``.unfinished`` at the
end. It becomes the target at the very end, so a target is always complete. In the unfinished
folder the files lie one level deeper, where neither the engine nor an import finds them. A call
that is interrupted leaves it there, and the next one goes on with it: a file that the journal knows
is read, and kept if its run has not changed since and its digest is right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store import clock
from tandem_store.atomic_file import (
    name_taken,
    os_errors_as_store_errors,
    publish_folder,
)
from tandem_store.database.locks.files import file_lock
from tandem_store.exporter.fields import left_out
from tandem_store.exporter.pages import pages
from tandem_store.exporter.state_directory.hot_file import HotFile
from tandem_store.exporter.state_directory.journal import Journal, WrittenFile, opened
from tandem_store.exporter.state_directory.limits import LONGEST_NAME, Limit, limit_of
from tandem_store.exporter.state_directory.report import LegacyExportReport, LimitedRun
from tandem_store.jsontext import pretty
from tandem_store.legacy import history_shard_path, serialize_shard_file
from tandem_store.legacy.layout import shard_file_name
from tandem_store.progress import Progress, ignore_progress
from tandem_store.records import AutomationSpec, RunFilter, RunRecord, RunSummary
from tandem_store.store import ReadTransaction, open_store

_DATA: Final = "data"
_HOT: Final = f"{_DATA}/automation_v2_runs.json"
_DEFINITIONS: Final = f"{_DATA}/automations-v2"
UNFINISHED: Final = ".unfinished"
_BUSY: Final = "Another export into this folder is running; wait for its end."
#: Summaries that are read at a time, and whose documents are then read if need be.
_BATCH: Final = 50
#: Hexadecimal digits that tell files apart whose names would be the same.
_DIGITS: Final = 16


def export_legacy(
    url: str | URL,
    target: str | os.PathLike[str],
    *,
    run_filter: RunFilter | None = None,
    progress: Progress | None = None,
) -> LegacyExportReport:
    """Write runs and definitions as a state directory, as the engine up to release 0.6.8 reads it.

    ``target`` is a new folder. Its ``data`` has a complete shard for each run, the current
    definitions, and a hot file with the runs that the engine would have in it: those that have not
    ended, and those that ended within the days that ``TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS``
    says, without what the engine removes there. The store is seen as it is at one moment. The
    folder appears when it is complete; after an interruption, the same call goes on.

    ``progress`` is called with the phase, how many runs are done, and how many there are.

    Raises:
        StoreError: the folder exists, or cannot be written.
        StoreLockedError: another call writes the same folder.
        RecordTooNewError, NotAStoreError: a record cannot be read.

    >>> report = export_legacy(filled_url, folder / "state")
    >>> report.runs, report.limited
    (3, [])
    """
    began, path = time.monotonic(), Path(target).absolute()
    report = LegacyExportReport(str(path))
    with os_errors_as_store_errors(), _unfinished(path) as folder:
        state = folder / "state"
        with (
            open_store(url) as store,
            store.read() as tx,
            opened(folder / "journal.db") as journal,
        ):
            export = _Export(tx, journal, state, report, progress or ignore_progress)
            export.write(run_filter)
        report.bytes = _size_of(state)
        publish_folder(state, path)
    report.seconds = time.monotonic() - began
    return report


def _size_of(state: Path) -> int:
    # Not by rglob, which remembers every path: 30 MB for 50,000 runs.
    return sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(state)
        for name in names
    )


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Hold the unfinished folder of a target, and remove it if the block succeeds."""
    folder = target.with_name(target.name + UNFINISHED)
    if os.path.lexists(target):
        raise name_taken(target)
    folder.mkdir(mode=0o700, exist_ok=True)
    with file_lock(folder / "lock", patience_s=0, busy=_BUSY):
        yield folder
        shutil.rmtree(folder)


@dataclass(slots=True)
class _Export:
    """One export at work."""

    tx: ReadTransaction
    journal: Journal
    state: Path
    report: LegacyExportReport
    progress: Progress
    automations: dict[str, AutomationSpec] = field(default_factory=dict)

    def write(self, run_filter: RunFilter | None) -> None:
        """Write everything that is not there yet, and remove what should not be there."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        (self.state / _DATA).mkdir(exist_ok=True)
        self._write_definitions()
        self._write_runs(run_filter)
        for path in self.journal.unseen():
            (self.state / path).unlink(missing_ok=True)
        self.report.quarantined = len(self.tx.quarantine.list())

    def _write_definitions(self) -> None:
        folder = self.state / _DEFINITIONS
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for definition in self.tx.automations.iterate():
            self.automations[definition.automation_id] = definition
            automation_id = definition.automation_id
            name = shard_file_name(automation_id)
            path = folder / _short(name, automation_id)
            if path.exists():
                path = folder / _short(name, automation_id, tell_apart=True)
            path.write_bytes(pretty(definition.to_legacy()))
        self.report.definitions = len(self.automations)

    def _write_runs(self, run_filter: RunFilter | None) -> None:
        total = self.tx.runs.count(run_filter)
        self.report.detached = left_out(self.tx)
        path = self.state / _HOT
        with HotFile(path, self.automations, now_ms=clock.now_ms()) as hot:
            for page in pages(self.tx, run_filter, _BATCH):
                self._write_page(page, hot)
                self.progress("exporting", self.report.runs, max(self.report.runs, total))
        self.report.hot = hot.runs

    def _write_page(self, page: Sequence[RunSummary], hot: HotFile) -> None:
        kept = {run.run_id: self._kept(run) for run in page}
        in_hot = {
            run.run_id
            for run in page
            if hot.takes(is_terminal=run.is_terminal, updated_at_ms=run.updated_at_ms)
        }
        needed = [run_id for run_id, file in kept.items() if file is None or run_id in in_hot]
        stored = list(self.tx.runs.documents(needed))
        for one in stored:
            if one.is_forgotten:
                kept.pop(one.run_id)
                self.report.forgotten += 1
        records = {one.run_id: one.record() for one in stored if not one.is_forgotten}
        revisions = {run.run_id: run.revision for run in page}
        for run_id, file in kept.items():
            run = records.get(run_id)
            if file is None:
                assert run is not None  # one moment of a store loses no run between two questions
                file = self._write_run(run, revisions[run_id])
            self._note(run_id, file)
            limit = None if file.limit is None else Limit(file.limit)
            if run is not None and run_id in in_hot and not (limit and limit.keeps_it_out_of_hot):
                hot.add(run)

    def _kept(self, run: RunSummary) -> WrittenFile | None:
        """Return the file of a run if an earlier call wrote it and it is as it should be."""
        file = self.journal.file_of(run.run_id)
        if file is None:
            return None
        path = self.state / file.path
        if (
            file.revision == run.revision
            and path.is_file()
            and _sha256(path.read_bytes()) == file.digest
        ):
            self.report.already_there += 1
            return file
        path.unlink(missing_ok=True)
        return None

    def _write_run(self, run: RunRecord, revision: int) -> WrittenFile:
        legacy, shard = run.to_legacy(), serialize_shard_file(run)
        path = history_shard_path(_HOT, run)
        limit = limit_of(run, legacy, shard, path.stem)
        if limit is not None and limit.hides_it:
            path = _unread_by_engine(path)
        path = self._free(path, run.run_id)
        target = self.state / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(shard)
        return WrittenFile(revision, path.as_posix(), _sha256(shard), limit and limit.value)

    def _free(self, path: Path, run_id: str) -> Path:
        """Return the path for a run, whose name is another if the id is long or shares its name.

        The engine would write such runs over each other; it reads files of any name.
        """
        path = path.with_name(_short(path.name, run_id))
        if self.journal.is_free(path.as_posix(), run_id):
            return path
        return path.with_name(_short(path.name, run_id, tell_apart=True))

    def _note(self, run_id: str, file: WrittenFile) -> None:
        self.journal.note(run_id, file)
        self.report.runs += 1
        if file.limit is not None:
            self.report.limited.append(LimitedRun(run_id, Limit(file.limit), file.path))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _unread_by_engine(shard: Path) -> Path:
    """Return the path of a shard in the second layout, which the engine wrote but never read.

    An import reads it.
    """
    year, month, name = shard.parts[-3:]
    return shard.parents[3] / year / month / name


def _short(name: str, owner: str, *, tell_apart: bool = False) -> str:
    """Return a file name that any file system takes; with ``tell_apart``, one for this owner."""
    stem = name.removesuffix(".json")
    if len(stem) <= LONGEST_NAME and not tell_apart:
        return name
    digits = hashlib.sha256(owner.encode()).hexdigest()[:_DIGITS]
    return f"{stem[: LONGEST_NAME - _DIGITS - 1]}-{digits}.json"

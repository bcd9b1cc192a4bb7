"""Reads a state directory again and holds every copy against the ledger and the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from tandem_store.errors import SourceError
from tandem_store.importer.copy import Copy, Reading
from tandem_store.importer.cutting import cut
from tandem_store.importer.frozen import frozen
from tandem_store.importer.options import Progress
from tandem_store.importer.place import Places
from tandem_store.importer.pool import Task, jobs_for, perform_all
from tandem_store.importer.tasks import tasks_for
from tandem_store.legacy.sources import Passed, Source, SourceFile
from tandem_store.legacy.state_directory import StateDirectory
from tandem_store.store import Store, open_store
from tandem_store.verify.comparison import Comparison
from tandem_store.verify.report import Difference, VerifyReport

_BATCH: Final = 500


def verify_state(
    url: str,
    state: Path,
    *,
    jobs: int | None = 1,
    allow_roots: tuple[Path, ...] = (),
    progress: Progress | None = None,
) -> VerifyReport:
    """Compare every copy of a run in a state directory with the store. Read-only.

    ``jobs`` is the number of parser processes, as in ``ImportOptions``.

    Raises:
        SourceError: the directory cannot be read.
        StoreError: the store cannot be opened.
    """
    source = StateDirectory.locate(state, allow_roots)
    with open_store(url) as store:
        return _Verification(store, source, progress or (lambda *_: None)).run(jobs)


@dataclass(slots=True)
class _Verification:
    """One verification; a batch of copies is compared within one transaction."""

    store: Store
    source: StateDirectory
    progress: Progress
    report: VerifyReport = field(default_factory=VerifyReport)
    _done: int = 0
    _total: int = 0

    def run(self, jobs: int | None) -> VerifyReport:
        for found in self.source.walk():
            if not isinstance(found, Passed):
                self._total += found.size
            elif found.alarming:
                self.report.not_read.append(found)
        tasks = tasks_for(self._counted(), self._cut)
        readings = perform_all(self.source.root, tasks, jobs or jobs_for(self._total))
        copies = (found for reading in readings for found in self._copies(reading))
        while batch := list(islice(copies, _BATCH)):
            with self.store.read() as tx:
                comparison = Comparison(tx, Places(self.source.root), [copy for _, copy in batch])
                for path, copy in batch:
                    self._count(comparison, path, copy)
        return self.report

    def _files(self) -> Iterator[SourceFile]:
        for found in self.source.walk():
            if not isinstance(found, Passed) and found.source is not Source.DEFINITION:
                yield found

    def _counted(self) -> Iterator[SourceFile]:
        for file in self._files():
            self._done += file.size
            self.progress("comparing", self._done, self._total)
            yield file

    def _cut(self, file: SourceFile) -> Iterator[Task]:
        try:
            with frozen(self.source.root / file.path, None) as content:
                yield from cut(file, content, after=-1)
        except (SourceError, OSError) as error:
            self._unreadable(file.path, str(error))

    def _copies(self, reading: Reading) -> Iterator[tuple[str, Copy]]:
        if reading.passed is not None:
            self._unreadable(reading.file.path, reading.passed.reason)
        for copy in reading.copies:
            yield reading.file.path, copy

    def _unreadable(self, path: str, reason: str) -> None:
        self.report.differences.append(Difference("", f"cannot be read: {reason}", path))

    def _count(self, comparison: Comparison, path: str, copy: Copy) -> None:
        self.report.checked += 1
        verdict = comparison.verdict(path, copy)
        if isinstance(verdict, Difference):
            self.report.differences.append(verdict)
        elif verdict:
            self.report.same += 1
        else:
            self.report.newer_in_store += 1

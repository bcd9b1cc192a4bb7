"""Reads a state directory again and compares it with the ledger and the store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.batches import batched
from tandem_store.errors import SourceError
from tandem_store.importer.copies import Copy, FileToRead, Reading
from tandem_store.importer.file_snapshot import snapshot_of
from tandem_store.importer.newer_engine import newer_in_engine_database
from tandem_store.importer.parsing import content_of
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile, Source, SourceFile
from tandem_store.importer.source_reader import SourceReader
from tandem_store.importer.splitting import cut
from tandem_store.importer.worker_pool import Task, jobs_for, perform_all, prepare, tasks_for
from tandem_store.progress import Progress, ignore_progress
from tandem_store.store import ReadTransaction, Store, open_store
from tandem_store.verify.backed_up import backup_since_import
from tandem_store.verify.comparison import Comparison
from tandem_store.verify.definitions import Definitions
from tandem_store.verify.quarantined import QuarantinedCopies
from tandem_store.verify.report import Difference, Verdict, VerifyReport

_BATCH: Final = 500
#: Stored runs that are in memory at a time; one may have some megabytes.
_READ_TOGETHER: Final = 50


def verify_state(
    url: str | URL,
    state: str | os.PathLike[str],
    *,
    jobs: int | None = 1,
    allow_roots: tuple[Path, ...] = (),
    progress: Progress | None = None,
) -> VerifyReport:
    """Compare every copy of a run and every definition in a state directory with the store.

    Read-only. ``jobs`` is the number of parser processes, and ``allow_roots`` are the directories
    outside the source that symbolic links may lead to, as in ``ImportOptions``. ``progress`` is
    called with the phase, how many bytes are done, and how many there are.

    Raises:
        SourceError: ``state`` is not a state directory, or cannot be read.
        StoreError: the store cannot be opened.

    >>> url = str(folder / "runs.db")
    >>> report = import_state(url, state)
    >>> report = verify_state(url, state)
    >>> report.checked, report.same, report.differences
    (1, 1, [])
    """
    source = StateDirectory.locate(Path(state), allow_roots)
    check = _Verification(source, progress or ignore_progress)
    processes = jobs_for(jobs, check.survey())
    prepare(processes)
    with open_store(url) as store:
        return check.run(store, processes)


@dataclass(slots=True)
class _Verification:
    """One verification; a batch of copies is compared within one transaction."""

    source: StateDirectory
    progress: Progress
    report: VerifyReport = field(init=False)
    _not_read: dict[str, SkippedFile] = field(default_factory=dict)
    _definitions: list[SourceFile] = field(default_factory=list)
    _quarantined: QuarantinedCopies = field(default_factory=QuarantinedCopies)
    _done: int = 0
    _total: int = 0

    def __post_init__(self) -> None:
        self.report = VerifyReport(root=str(self.source.root.resolve()))

    def survey(self) -> int:
        """Return how many bytes there are to read.

        Raises ``SourceError`` if nothing here is from the engine.
        """
        is_empty = True
        for found in self.source.walk():
            is_empty = False
            if isinstance(found, SourceFile):
                self._total += found.size
        if is_empty:
            self.source.refuse_unless_recognisable()
        return self._total

    def run(self, store: Store, jobs: int) -> VerifyReport:
        """Compare everything, one reading of each file."""
        with store.read() as tx:
            self._quarantined = QuarantinedCopies.of(tx.quarantine)
            self._note_imports(tx)
        tasks = tasks_for(self._files(), self._cut)
        readings = perform_all(self.source.root, tasks, jobs)
        copies = (copy for reading in readings for copy in self._copies(reading))
        for batch in batched(copies, _BATCH):
            with store.read() as tx:
                self._compare(tx, batch)
        with store.read() as tx:
            self._compare_definitions(tx)
            self._note_gone(tx)
        self._compare_engine_database(store)
        self.report.not_read = list(self._not_read.values())
        self.progress("comparing", self._total, self._total)  # files may have shrunk meanwhile
        return self.report

    def _note_imports(self, tx: ReadTransaction) -> None:
        report = self.report
        report.was_imported = tx.ledger.has_read(report.root)
        report.is_interrupted = any(one.root == report.root for one in tx.ledger.unfinished())
        report.backup = backup_since_import(tx)

    def _files(self) -> Iterator[FileToRead]:
        """Yield the files with copies of runs; set definitions aside, and note skipped files."""
        for found in self.source.walk():
            if isinstance(found, SkippedFile):
                if found.needs_attention:
                    self._note_skipped(found)
                continue
            self._done += found.size
            self.progress("comparing", min(self._done, self._total), self._total)
            if found.source is Source.DEFINITION:
                self._definitions.append(found)
            else:
                yield FileToRead.of(found)

    def _cut(self, file: FileToRead) -> Iterator[Task]:
        try:
            with snapshot_of(self.source.root / file.path, None) as content:
                yield from cut(file, content, after=-1)
        except SourceError as error:
            self._note_skipped(SkippedFile(file.path, str(error), needs_attention=True))
        except OSError as error:
            self._note_skipped(SkippedFile.unreadable(file.path, error))

    def _copies(self, reading: Reading) -> Iterator[Copy]:
        if reading.skipped is not None:
            self._note_skipped(reading.skipped)
        yield from reading.copies

    def _compare(self, tx: ReadTransaction, batch: Sequence[Copy]) -> None:
        comparison = Comparison(tx, SourceReader(self.source.root), self._quarantined, batch)
        for some in batched(batch, _READ_TOGETHER):
            comparison.read_ahead(some)
            for copy in some:
                self.report.was_imported |= comparison.is_known(copy)
                self._count(self.report.copies, comparison.verdict(copy))

    def _compare_definitions(self, tx: ReadTransaction) -> None:
        definitions = Definitions(tx, self._quarantined)
        for file in self._definitions:
            try:
                content, _ = content_of(f"{self.source.root}/{file.path}")
            except OSError as error:
                self._note_skipped(SkippedFile.unreadable(file.path, error))
                continue
            for verdict in definitions.verdicts(file, content):
                self._count(self.report.definitions, verdict)
        for verdict in definitions.overtaken():
            self._count(self.report.definitions, verdict)

    def _note_gone(self, tx: ReadTransaction) -> None:
        """Note the files that were imported from here and are not here any more."""
        for path, source in tx.ledger.files_of(self.report.root):
            try:
                (self.source.root / path).lstat()
            except (FileNotFoundError, NotADirectoryError):
                if source == Source.DEFINITION:
                    what = "definition gone from the source since the import"
                    self.report.differences.append(Difference("", what, path, ""))
                else:
                    self.report.gone.append(path)
            except OSError:
                continue  # the walk says what cannot be reached

    def _compare_engine_database(self, store: Store) -> None:
        database = self.source.engine_database
        if database is None:
            return
        try:
            self.report.newer_in_engine_db = newer_in_engine_database(database, store)
        except (SourceError, OSError) as error:
            self._note_skipped(SkippedFile(database.name, str(error), needs_attention=True))

    def _count(self, counts: Counter[Verdict], found: Verdict | Difference | SkippedFile) -> None:
        if isinstance(found, Verdict):
            counts[found] += 1
        elif isinstance(found, Difference):
            self.report.differences.append(found)
        else:
            self._note_skipped(found)

    def _note_skipped(self, skipped: SkippedFile) -> None:
        self._not_read.setdefault(skipped.path, skipped)

"""The scan: every file that is new or has changed is read, and its copies go to the ledger."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tandem_store.errors import SourceError
from tandem_store.importer.file_snapshot import frozen
from tandem_store.importer.options import ImportOptions, Progress
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile, Source, SourceFile
from tandem_store.importer.splitting import cut
from tandem_store.importer.storing import Writer
from tandem_store.importer.tasks import tasks_for
from tandem_store.importer.worker_pool import Task, jobs_for, perform_all
from tandem_store.ledger import KnownFile
from tandem_store.mapping import LONGEST_TOGETHER, is_longer, to_column
from tandem_store.store import Store

_log: Final = logging.getLogger(__name__)
_TOO_DEEP: Final = (
    f"the path of its folder is longer than {LONGEST_TOGETHER} bytes: move it up, and import again"
)
_UNDATED: Final = (
    "%s was last changed before 1678 or after April 2262, says the file system: its clock was "
    "wrong. It is read all the same, and compared by content."
)


@dataclass(slots=True)
class Scan:
    """One pass over a state directory; gathers what the report tells of files.

    ``scratch`` is the folder where large files are copied to while they are read.
    """

    store: Store
    state: StateDirectory
    options: ImportOptions
    writer: Writer
    progress: Progress
    total_bytes: int
    scratch: Path | None
    passed: list[SkippedFile] = field(default_factory=list)
    definitions: list[tuple[SourceFile, KnownFile | None]] = field(default_factory=list)
    definition_paths: list[str] = field(default_factory=list)
    files: dict[Source, int] = field(default_factory=lambda: defaultdict(int))
    bytes: dict[Source, int] = field(default_factory=lambda: defaultdict(int))
    _known: dict[str, KnownFile] = field(default_factory=dict)
    _directory: str | None = None
    _done: int = 0

    def run(self) -> None:
        """Read what is not known yet; commits batch by batch."""
        jobs = self.options.jobs or jobs_for(self.total_bytes)
        tasks = tasks_for(self._new_files(), self._tasks_of_large)
        for reading in perform_all(self.state.root, tasks, jobs):
            if reading.passed is not None:
                self.passed.append(reading.passed)
            else:
                self.writer.take(reading)
        self.writer.flush()
        self.writer.retire_missing()

    def _tasks_of_large(self, file: SourceFile) -> Iterator[Task]:
        try:
            with frozen(self.state.root / file.path, self.scratch) as content:
                current = replace(file, size=content.size, mtime_ns=content.mtime_ns)
                after = self.writer.resume_after(current, content.digest)
                if after is not None:
                    yield from cut(current, content, after=after)
        except SourceError as error:
            self.passed.append(SkippedFile(file.path, str(error), needs_attention=True))
        except OSError as error:
            self.passed.append(SkippedFile.unreadable(file.path, error))

    def _new_files(self) -> Iterator[SourceFile]:
        """The files to read; those that are as an import left them only count."""
        for file in self._files():
            self.files[file.source] += 1
            self.bytes[file.source] += file.size
            self._done += file.size
            self.progress("reading", self._done, self.total_bytes)
            if not file.is_dated:
                _log.warning(_UNDATED, file.path)
            if file.source is Source.DEFINITION:
                self.definition_paths.append(file.path)
            known = self._known_file(file.path)
            if known is not None and self._is_unchanged(known, file):
                self.writer.unchanged(known.id)
            elif file.source is not Source.DEFINITION:
                self.writer.expect(file.path, known)
                yield file
            else:
                self.definitions.append((file, known))

    def _files(self) -> Iterator[SourceFile]:
        found = (self._noted(one) for one in self.state.walk())
        files = (file for file in found if file is not None)
        return iter(self.options.order(list(files))) if self.options.order else files

    def _noted(self, found: SourceFile | SkippedFile) -> SourceFile | None:
        if isinstance(found, SourceFile):
            folder = to_column(found.path.rpartition("/")[0])
            if not is_longer(folder, LONGEST_TOGETHER):
                return found
            found = SkippedFile(found.path, _TOO_DEEP, needs_attention=True)
        self.passed.append(
            found.with_kind_on_disk(self.state.root) if found.needs_attention else found
        )
        return None

    def _known_file(self, path: str) -> KnownFile | None:
        """What the ledger knows of a file; the files of one directory are asked for together."""
        directory, _, name = path.rpartition("/")
        if directory != self._directory:
            with self.store.read() as tx:
                self._known = tx.ledger.files_in(directory)
            self._directory = directory
        return self._known.get(name)

    def _is_unchanged(self, known: KnownFile, file: SourceFile) -> bool:
        return (
            self.writer.is_settled(known)
            and known.root == self.writer.session.root
            and file.is_dated
            and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
        )

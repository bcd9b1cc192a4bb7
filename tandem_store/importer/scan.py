"""The scan: every file that is new or has changed is read, and its copies go to the ledger."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tandem_store.errors import SourceError
from tandem_store.importer.copies import FileToRead
from tandem_store.importer.file_snapshot import snapshot_of
from tandem_store.importer.known_files import KnownFiles
from tandem_store.importer.options import ImportOptions
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile, Source, SourceFile
from tandem_store.importer.splitting import cut
from tandem_store.importer.storing import Writer
from tandem_store.importer.worker_pool import Task, jobs_for, perform_all, tasks_for
from tandem_store.mapping import LONGEST_TOGETHER
from tandem_store.progress import Progress
from tandem_store.stored_text import is_longer

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
    """One pass over a state directory; counts files for the report on the way.

    ``scratch`` is the folder that large files are copied to while they are read. ``definitions``
    are the files of definitions that have to be read, ``definition_paths`` the paths of all.
    """

    state: StateDirectory
    options: ImportOptions
    known_files: KnownFiles
    writer: Writer
    progress: Progress
    total_bytes: int
    scratch: Path | None
    skipped: list[SkippedFile] = field(default_factory=list)
    definitions: list[FileToRead] = field(default_factory=list)
    definition_paths: list[str] = field(default_factory=list)
    files: dict[Source, int] = field(default_factory=lambda: defaultdict(int))
    bytes: dict[Source, int] = field(default_factory=lambda: defaultdict(int))
    _done: int = 0

    def run(self) -> None:
        """Read what is not known yet; commits batch by batch."""
        jobs = jobs_for(self.options.jobs, self.total_bytes)
        tasks = tasks_for(self._files_of_runs(), self._tasks_of_large)
        for reading in perform_all(self.state.root, tasks, jobs):
            if reading.skipped is not None:
                self.skipped.append(reading.skipped)
            else:
                self.writer.add(reading)
        self.writer.finish()

    def _files_of_runs(self) -> Iterator[FileToRead]:
        """Yield the files with runs that have to be read; definitions are set aside."""
        for found in self._files():
            self._count(found)
            file = self.known_files.look_up(found)
            if self.known_files.is_unchanged(file):
                self.known_files.note_present(file)
            elif file.source is Source.DEFINITION:
                self.definitions.append(file)
            else:
                yield file

    def _tasks_of_large(self, file: FileToRead) -> Iterator[Task]:
        try:
            with snapshot_of(self.state.root / file.path, self.scratch) as content:
                current = replace(file, size=content.size, mtime_ns=content.mtime_ns)
                if self.known_files.has_same_content(file, content.digest):
                    self.known_files.note_present(file)
                else:
                    after = self.known_files.resume_after(file, content.digest)
                    yield from cut(current, content, after=after)
        except SourceError as error:
            self.skipped.append(SkippedFile(file.path, str(error), needs_attention=True))
        except OSError as error:
            self.skipped.append(SkippedFile.unreadable(file.path, error))

    def _count(self, file: SourceFile) -> None:
        self.files[file.source] += 1
        self.bytes[file.source] += file.size
        self._done += file.size
        self.progress("reading", self._done, self.total_bytes)
        if not file.is_dated:
            _log.warning(_UNDATED, file.path)
        if file.source is Source.DEFINITION:
            self.definition_paths.append(file.path)

    def _files(self) -> Iterator[SourceFile]:
        files = self._readable()
        return iter(self.options.order(list(files))) if self.options.order else files

    def _readable(self) -> Iterator[SourceFile]:
        """Yield the files that the walk finds; what else it finds is noted as skipped."""
        for found in self.state.walk():
            if isinstance(found, SkippedFile):
                self._skip(found)
            elif is_longer(found.path.rpartition("/")[0], LONGEST_TOGETHER):
                self._skip(SkippedFile(found.path, _TOO_DEEP, needs_attention=True))
            else:
                yield found

    def _skip(self, found: SkippedFile) -> None:
        if found.needs_attention:
            found = found.with_kind_on_disk(self.state.root)
        self.skipped.append(found)

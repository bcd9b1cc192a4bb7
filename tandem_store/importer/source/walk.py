"""Walks through a state directory and finds out from each file's path what it is.

The walk is a generator, so a tree of millions of shards costs no memory. It follows links that stay
inside the root, or inside a root that the operator allowed. It never reads the content of a file
and never writes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tandem_store.importer.source.kinds import (
    ARCHIVE_NAME,
    DEFINITIONS_NAME,
    ENGINE_DATABASE_NAME,
    HOT_NAME,
    Layout,
    SkippedFile,
    Source,
    SourceFile,
    change_time,
    is_leftover_of_runs,
    shard_source,
    system_reason,
)

#: The database of a later engine, and its log.
ENGINE_DATABASE_FILES = (ENGINE_DATABASE_NAME, f"{ENGINE_DATABASE_NAME}-wal")
_LINK_OUT = "a link out of the state directory; --allow-root admits its target"


class Walk:
    """One walk. All paths are relative to the root, with ``/``; the root itself is ``""``."""

    def __init__(self, root: Path, data: Path, hot_name: str, allowed: tuple[Path, ...]) -> None:
        self._root = os.fspath(root)
        self._data = "" if data == root else data.name
        self._hot_names = {HOT_NAME, hot_name}
        self._not_read: dict[str, str] = {}
        self._entered: set[tuple[int, int]] = set()
        self._roots = tuple(os.fspath(one) for one in (root.resolve(), *allowed))

    def files(self) -> Iterator[SourceFile | SkippedFile]:
        """Yield every file that can contain runs or definitions, and those that were skipped."""
        for name in ENGINE_DATABASE_FILES:
            self.admits_database(name)
        yield from self._definitions()
        yield from self._state_folder(self._data, Source.HOT)
        if self._data:
            yield from self._state_folder("", Source.ROOT)
        for entry in self._children("backups"):
            if entry.name.startswith("local-cleanup-"):
                yield from self._backup(f"backups/{entry.name}")
        for path, reason in self._not_read.items():
            yield SkippedFile(path, reason, needs_attention=True)

    def _definitions(self) -> Iterator[SourceFile | SkippedFile]:
        """Yield the current definitions: a file for each, else the older file with all of them."""
        folder = _join(self._data, "automations-v2")
        found = False
        for entry in self._children(folder):
            if entry.name == "index.json":
                continue
            if entry.name.endswith(".json"):
                found = True
                yield from self._file(folder, entry, Source.DEFINITION, Layout.DEFINITION)
            else:
                yield _stray(folder, entry.name)
        for folder in dict.fromkeys((self._data, "")):
            for entry in self._children(folder):
                if entry.name == DEFINITIONS_NAME and not found:
                    found = True
                    yield from self._file(folder, entry, Source.DEFINITION, Layout.DEFINITIONS)

    def admits_database(self, name: str) -> bool:
        """Whether a file of the later engine's database may be read.

        A link that leads out of the state directory may not; it is reported.
        """
        path = _join(self._data, name)
        return not os.path.islink(self._path(path)) or self._admits(path)

    def _state_folder(self, folder: str, hot: Source) -> Iterator[SourceFile | SkippedFile]:
        """Yield the files of one state folder and of the trees in it.

        ``hot`` is the kind of source that its hot file counts as.
        """
        backup = hot is Source.BACKUP
        for entry in self._children(folder):
            path = _join(folder, entry.name)
            if entry.name in self._hot_names:
                yield from self._file(folder, entry, hot, Layout.RUNS)
            elif entry.name == ARCHIVE_NAME:
                archive = Source.BACKUP if backup else Source.ARCHIVE
                yield from self._file(folder, entry, archive, Layout.RUNS)
            elif is_leftover_of_runs(entry.name):
                yield from self._file(folder, entry, Source.LEFTOVER, Layout.RUNS)
            elif entry.name == "automation-runs":
                yield from self._shards(path, backup=backup)
            elif entry.name == "context-runs":
                yield from self._context_runs(f"{path}/hot")
                for below, stray, _ in self._files_below(f"{path}/archive"):
                    yield _stray(below, stray.name)
            elif entry.name == "context_runs":
                yield from self._context_runs(path)
            elif entry.name.endswith(".legacy-aggregate.json"):
                yield _stray(folder, entry.name, "history of definitions, never current")

    def _backup(self, folder: str) -> Iterator[SourceFile | SkippedFile]:
        """Yield files that ``storage cleanup`` moved aside: the same names and relative paths."""
        yield from self._state_folder(folder, Source.BACKUP)
        yield from self._state_folder(f"{folder}/data", Source.BACKUP)

    def _shards(self, tree: str, *, backup: bool) -> Iterator[SourceFile | SkippedFile]:
        """Yield history shards of both layouts, and leftovers of interrupted writes beside them."""
        for folder, entry, parts in self._files_below(tree):
            source = shard_source(parts)
            if source is None:
                yield _stray(folder, entry.name, "not a run by its place or name")
                continue
            if backup and source is not Source.LEFTOVER:
                source = Source.BACKUP
            yield from self._file(folder, entry, source, Layout.SHARD)

    def _context_runs(self, folder: str) -> Iterator[SourceFile | SkippedFile]:
        """Yield the states of automation runs that the engine kept as context runs."""
        for entry in self._children(folder):
            if entry.name.startswith("automation-v2-"):
                inner = f"{folder}/{entry.name}"
                for file in self._children(inner):
                    if file.name == "run_state.json":
                        yield from self._file(inner, file, Source.CONTEXT, Layout.CONTEXT)

    def _files_below(
        self, folder: str, parts: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, os.DirEntry[str], tuple[str, ...]]]:
        """Yield the files below a folder, each with its folder and the parts of its path.

        Depth first; each folder is entered once.
        """
        for entry in self._children(folder) if self._enter(folder) else ():
            below = (*parts, entry.name)
            if self._is_folder(folder, entry):
                yield from self._files_below(f"{folder}/{entry.name}", below)
            else:
                yield folder, entry, below

    def _enter(self, folder: str) -> bool:
        """Whether the folder is entered for the first time: links may loop or lead here twice."""
        try:
            status = os.stat(self._path(folder))
        except OSError:
            return True  # listing it will report what is wrong
        identity = (status.st_dev, status.st_ino)
        new = identity not in self._entered
        self._entered.add(identity)
        return new

    def _children(self, folder: str) -> list[os.DirEntry[str]]:
        """Return a folder's entries in the order of their names.

        The list is empty if the folder is not there or cannot be read; the latter is reported.
        """
        try:
            if not self._exists(folder) or not self._admits(folder):
                return []
            with os.scandir(self._path(folder)) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except NotADirectoryError:
            return []
        except OSError as error:
            self._report(folder, system_reason(error))
            return []

    def _exists(self, path: str) -> bool:
        """Whether something is at a path; a folder that cannot be entered is reported."""
        try:
            os.lstat(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError as error:
            self._report_closed(path.rpartition("/")[0], error)
            return False
        return True

    def _file(
        self, folder: str, entry: os.DirEntry[str], source: Source, layout: Layout
    ) -> Iterator[SourceFile | SkippedFile]:
        """Yield the file to read, or why it is not read; what could not be opened is reported."""
        path = _join(folder, entry.name)
        is_link = True
        try:
            is_link = entry.is_symlink()
            if is_link and not self._admits(path):
                return
            status = entry.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                yield _stray(folder, entry.name, "a link to itself")
            elif isinstance(error, PermissionError) and not is_link:
                self._report_closed(folder, error)
            else:
                self._report(path, system_reason(error))
            return
        if stat.S_ISREG(status.st_mode):
            yield SourceFile(source, layout, path, status.st_size, change_time(status))
        else:
            yield _stray(folder, entry.name, "a folder, device or FIFO, not a file")

    def _admits(self, path: str) -> bool:
        """Whether a path, links followed, stays where we may read; the root may be a link."""
        target = os.path.realpath(self._path(path))
        if any(target == root or target.startswith(f"{root}/") for root in self._roots):
            return True
        self._report(path, _LINK_OUT)
        return False

    def _report(self, path: str, reason: str) -> None:
        """Report, once, a file or folder that was not read although it might contain runs."""
        self._not_read.setdefault(path or ".", reason)

    def _report_closed(self, folder: str, error: OSError) -> None:
        """Report a folder that can be listed but not entered, once for all that is in it."""
        self._report(folder, f"what is in it cannot be reached: {system_reason(error)}")

    def _is_folder(self, folder: str, entry: os.DirEntry[str]) -> bool:
        """Whether an entry is a folder; if the system does not say, that is reported."""
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:
                self._report(_join(folder, entry.name), system_reason(error))
            return False

    def _path(self, path: str) -> str:
        """Return the path with the root in front."""
        return f"{self._root}/{path}" if path else self._root


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _stray(folder: str, name: str, reason: str = "not a file that holds runs") -> SkippedFile:
    return SkippedFile(_join(folder, name), reason, needs_attention=False)

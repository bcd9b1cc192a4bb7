"""The walk through a state directory: what each file in it is, by its place and name.

It is a generator: a tree of millions of shards costs no memory. It follows links that stay inside
the root (or inside a root that the operator allowed), never reads a file's content and never
writes.
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
)

#: The database of a later engine, and its log.
ENGINE_DATABASE_FILES = (ENGINE_DATABASE_NAME, f"{ENGINE_DATABASE_NAME}-wal")
_LINK_OUT = "a link out of the state directory; --allow-root admits its target"


class Walk:
    """One walk. Places are relative to the root, with ``/``; the root itself is the empty place."""

    def __init__(self, root: Path, data: Path, hot_name: str, allowed: tuple[Path, ...]) -> None:
        self._root = os.fspath(root)
        self._data = "" if data == root else data.name
        self._hot_names = {HOT_NAME, hot_name}
        self._trouble: dict[str, str] = {}
        self._entered: set[tuple[int, int]] = set()
        self._roots = tuple(os.fspath(one) for one in (root.resolve(), *allowed))

    def everything(self) -> Iterator[SourceFile | SkippedFile]:
        """What can hold runs or definitions, and what was passed over."""
        for name in ENGINE_DATABASE_FILES:
            self.admits_database(name)
        yield from self._definitions()
        yield from self._state_folder(self._data, Source.HOT)
        if self._data:
            yield from self._state_folder("", Source.ROOT)
        for entry in self._children("backups"):
            if entry.name.startswith("local-cleanup-"):
                yield from self._backup(f"backups/{entry.name}")
        for place, reason in self._trouble.items():
            yield SkippedFile(place, reason, needs_attention=True)

    def _definitions(self) -> Iterator[SourceFile | SkippedFile]:
        """The current definitions: one file each, else the older file of all of them."""
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
        """Whether a file of the later engine's database is no link out; notes it if it is one."""
        place = _join(self._data, name)
        return not os.path.islink(self._path(place)) or self._admits(place)

    def _state_folder(self, folder: str, hot: Source) -> Iterator[SourceFile | SkippedFile]:
        """The files and trees of one state folder; ``hot`` is what its hot file counts as."""
        backup = hot is Source.BACKUP
        for entry in self._children(folder):
            place = _join(folder, entry.name)
            if entry.name in self._hot_names:
                yield from self._file(folder, entry, hot, Layout.RUNS)
            elif entry.name == ARCHIVE_NAME:
                archive = Source.BACKUP if backup else Source.ARCHIVE
                yield from self._file(folder, entry, archive, Layout.RUNS)
            elif is_leftover_of_runs(entry.name):
                yield from self._file(folder, entry, Source.LEFTOVER, Layout.RUNS)
            elif entry.name == "automation-runs":
                yield from self._shards(place, backup=backup)
            elif entry.name == "context-runs":
                yield from self._context_runs(f"{place}/hot")
                for below, stray, _ in self._files_below(f"{place}/archive"):
                    yield _stray(below, stray.name)
            elif entry.name == "context_runs":
                yield from self._context_runs(place)
            elif entry.name.endswith(".legacy-aggregate.json"):
                yield _stray(folder, entry.name, "history of definitions, never current")

    def _backup(self, folder: str) -> Iterator[SourceFile | SkippedFile]:
        """What ``storage cleanup`` moved aside: the same names, under their old relative paths."""
        yield from self._state_folder(folder, Source.BACKUP)
        yield from self._state_folder(f"{folder}/data", Source.BACKUP)

    def _shards(self, tree: str, *, backup: bool) -> Iterator[SourceFile | SkippedFile]:
        """History shards of both layouts, and leftovers of interrupted writes beside them."""
        for folder, entry, parts in self._files_below(tree):
            source = shard_source(parts)
            if source is None:
                yield _stray(folder, entry.name, "not a run by its place or name")
                continue
            if backup and source is not Source.LEFTOVER:
                source = Source.BACKUP
            yield from self._file(folder, entry, source, Layout.SHARD)

    def _context_runs(self, folder: str) -> Iterator[SourceFile | SkippedFile]:
        """The states of automation runs that were kept as context runs."""
        for entry in self._children(folder):
            if entry.name.startswith("automation-v2-"):
                inner = f"{folder}/{entry.name}"
                for file in self._children(inner):
                    if file.name == "run_state.json":
                        yield from self._file(inner, file, Source.CONTEXT, Layout.CONTEXT)

    def _files_below(
        self, folder: str, parts: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, os.DirEntry[str], tuple[str, ...]]]:
        """Files with their folder and the path's parts, depth first; each folder once."""
        for entry in self._children(folder) if self._enter(folder) else ():
            below = (*parts, entry.name)
            if self._is_folder(folder, entry):
                yield from self._files_below(f"{folder}/{entry.name}", below)
            else:
                yield folder, entry, below

    def _enter(self, folder: str) -> bool:
        """Whether the folder was not entered before: no loop, and no second way in."""
        try:
            status = os.stat(self._path(folder))
        except OSError:
            return True  # listing it will say what is wrong
        identity = (status.st_dev, status.st_ino)
        new = identity not in self._entered
        self._entered.add(identity)
        return new

    def _children(self, folder: str) -> list[os.DirEntry[str]]:
        """A folder's entries by name; none if it is absent, foreign or unreadable."""
        path = self._path(folder)
        try:
            if not self._is_there(folder) or not self._admits(folder):
                return []
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except NotADirectoryError:
            return []
        except OSError as error:
            self._pass(folder, why_of(error))
            return []

    def _is_there(self, place: str) -> bool:
        """Whether something is at a place; that nobody may ask is noted, and is not absence."""
        try:
            os.lstat(self._path(place))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError as error:
            self._pass_closed(place.rpartition("/")[0], error)
            return False
        return True

    def _file(
        self, folder: str, entry: os.DirEntry[str], source: Source, layout: Layout
    ) -> Iterator[SourceFile | SkippedFile]:
        """The file to read, or why it is not one."""
        place = _join(folder, entry.name)
        is_link = True
        try:
            is_link = entry.is_symlink()
            if is_link and not self._admits(place):
                return
            status = entry.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                yield _stray(folder, entry.name, "a link to itself")
            elif isinstance(error, PermissionError) and not is_link:
                self._pass_closed(folder, error)
            else:
                self._pass(place, why_of(error))
            return
        if stat.S_ISREG(status.st_mode):
            yield SourceFile(source, layout, place, status.st_size, change_time(status))
        else:
            yield _stray(folder, entry.name, "a folder, device or FIFO, not a file")

    def _admits(self, place: str) -> bool:
        """Whether a path, links followed, stays where we may read; the root may be a link."""
        target = os.path.realpath(self._path(place))
        if any(target == root or target.startswith(f"{root}/") for root in self._roots):
            return True
        self._pass(place, _LINK_OUT)
        return False

    def _pass(self, place: str, reason: str) -> None:
        """Note what might hold runs and was not read, once."""
        self._trouble.setdefault(place or ".", reason)

    def _pass_closed(self, folder: str, error: OSError) -> None:
        """Note a folder that may be listed but not entered: once, whatever it holds."""
        self._pass(folder, f"what is in it cannot be reached: {why_of(error)}")

    def _is_folder(self, folder: str, entry: os.DirEntry[str]) -> bool:
        """Whether an entry is a folder; what does not let itself be asked is noted."""
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:
                self._pass(_join(folder, entry.name), why_of(error))
            return False

    def _path(self, place: str) -> str:
        return f"{self._root}/{place}" if place else self._root


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _stray(folder: str, name: str, reason: str = "not a file that holds runs") -> SkippedFile:
    return SkippedFile(_join(folder, name), reason, needs_attention=False)


def why_of(error: OSError) -> str:
    """A failure in the system's words, as part of a sentence."""
    return (error.strerror or str(error)).lower()

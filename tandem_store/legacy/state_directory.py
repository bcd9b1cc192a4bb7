"""A legacy state directory, walked for every file that can hold runs or definitions.

The walk is a generator: a tree of millions of shards costs no memory. It follows links that stay
inside the root (or inside a root that the operator allowed), never reads a file's content and never
writes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tandem_store.errors import SourceError
from tandem_store.legacy.sources import (
    ARCHIVE_NAME,
    DEFINITIONS_NAME,
    ENGINE_DATABASE_NAME,
    HOT_NAME,
    Layout,
    Passed,
    Source,
    SourceFile,
    change_time,
    is_leftover_of_runs,
    shard_source,
)

_DATABASE_NAMES = (ENGINE_DATABASE_NAME, f"{ENGINE_DATABASE_NAME}-wal")
_LINK_OUT = "a link out of the state directory; --allow-root admits its target"


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A state root and the ``data`` folder in it (they may be one and the same)."""

    root: Path
    data: Path
    hot_name: str = HOT_NAME
    allowed_roots: tuple[Path, ...] = ()

    @classmethod
    def locate(cls, path: Path, allowed_roots: tuple[Path, ...] = ()) -> StateDirectory:
        """Find root and data folder from either of them, or from a hot file.

        Raises ``SourceError`` when the path is absent or cannot be listed.
        """
        allowed = tuple(root.resolve() for root in allowed_roots)
        try:
            if path.is_file():
                return cls.of_data_folder(path.parent, path.name, allowed)
            next(path.iterdir(), None)
        except FileNotFoundError as error:
            raise SourceError(
                f"{path} does not exist; give the engine's state directory"
            ) from error
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {_why(error)}") from error
        if (path / "data").is_dir():
            return cls(path, path / "data", HOT_NAME, allowed)
        return cls.of_data_folder(path, HOT_NAME, allowed)

    @classmethod
    def of_data_folder(
        cls, folder: Path, hot_name: str, allowed_roots: tuple[Path, ...]
    ) -> StateDirectory:
        """The state directory that a data folder belongs to: its parent, if it is called so."""
        data = folder.resolve()
        root = data.parent if data.name.lower() == "data" else data
        return cls(root, data, hot_name, allowed_roots)

    def walk(self) -> Iterator[SourceFile | Passed]:
        """All that can hold runs or definitions, and what was passed over, in a fixed order."""
        return _Walk(self).everything()

    def is_recognisable(self) -> bool:
        """Whether there is anything that an engine makes, even if it holds no runs."""
        names = (self.hot_name, "automation-runs", "automations-v2", "context-runs")
        return any(os.path.lexists(self.data / name) for name in names)

    @property
    def engine_database(self) -> Path | None:
        """The database of a later engine beside the files, if there is one that may be read."""
        database = self.data / ENGINE_DATABASE_NAME
        walk = _Walk(self)
        try:
            admitted = all(walk.admits_database(name) for name in _DATABASE_NAMES)
            return database if database.is_file() and admitted else None
        except OSError:
            return None  # the walk says that the folder cannot be read


class _Walk:
    """One walk. Places are relative to the root, with ``/``; the root itself is the empty place."""

    def __init__(self, state: StateDirectory) -> None:
        self._root = os.fspath(state.root)
        self._data = "" if state.data == state.root else state.data.name
        self._hot_names = {HOT_NAME, state.hot_name}
        self._trouble: dict[str, str] = {}
        self._entered: set[tuple[int, int]] = set()
        roots = (state.root.resolve(), *state.allowed_roots)
        self._roots = tuple(os.fspath(root) for root in roots)

    def everything(self) -> Iterator[SourceFile | Passed]:
        for name in _DATABASE_NAMES:
            self.admits_database(name)
        yield from self._definitions()
        yield from self._state_folder(self._data, Source.HOT)
        if self._data:
            yield from self._state_folder("", Source.ROOT)
        for entry in self._children("backups"):
            if entry.name.startswith("local-cleanup-"):
                yield from self._backup(f"backups/{entry.name}")
        for place, reason in self._trouble.items():
            yield Passed(place, reason, alarming=True)

    def _definitions(self) -> Iterator[SourceFile | Passed]:
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

    def _state_folder(self, folder: str, hot: Source) -> Iterator[SourceFile | Passed]:
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

    def _backup(self, folder: str) -> Iterator[SourceFile | Passed]:
        """What ``storage cleanup`` moved aside: the same names, under their old relative paths."""
        yield from self._state_folder(folder, Source.BACKUP)
        yield from self._state_folder(f"{folder}/data", Source.BACKUP)

    def _shards(self, tree: str, *, backup: bool) -> Iterator[SourceFile | Passed]:
        """History shards of both layouts, and leftovers of interrupted writes beside them."""
        for folder, entry, parts in self._files_below(tree):
            source = shard_source(parts)
            if source is None:
                yield _stray(folder, entry.name, "not a run by its place or name")
                continue
            if backup and source is not Source.LEFTOVER:
                source = Source.BACKUP
            yield from self._file(folder, entry, source, Layout.SHARD)

    def _context_runs(self, folder: str) -> Iterator[SourceFile | Passed]:
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
            if _is_folder(entry):
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
            if not os.path.lexists(path) or not self._admits(folder):
                return []
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except NotADirectoryError:
            return []
        except OSError as error:
            self._pass(folder, _why(error))
            return []

    def _file(
        self, folder: str, entry: os.DirEntry[str], source: Source, layout: Layout
    ) -> Iterator[SourceFile | Passed]:
        """The file to read, or why it is not one."""
        place = _join(folder, entry.name)
        try:
            if entry.is_symlink() and not self._admits(place):
                return
            status = entry.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                yield _stray(folder, entry.name, "a link to itself")
            else:
                self._pass(place, _why(error))
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

    def _path(self, place: str) -> str:
        return f"{self._root}/{place}" if place else self._root


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # as a file, it will be said what is wrong with it


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _stray(folder: str, name: str, reason: str = "not a file that holds runs") -> Passed:
    return Passed(_join(folder, name), reason, alarming=False)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

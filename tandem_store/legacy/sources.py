"""Every file of a legacy state directory that can hold runs or definitions, found by its place.

The walk is a generator: a tree of millions of shards costs no memory. It follows links that stay
inside the root (or inside a root that the operator allowed), never reads a file's content and never
writes.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from tandem_store.errors import SourceError

HOT_NAME: Final = "automation_v2_runs.json"
ARCHIVE_NAME: Final = "automation_v2_runs_archive.json"
ARCHIVE_LEFTOVER_NAME: Final = "automation_v2_runs_archive.json.tmp"
DEFINITIONS_NAME: Final = "automations_v2.json"
ENGINE_DATABASE_NAME: Final = "stateful_runtime.sqlite3"

_LEFTOVER = re.compile(r"\.(?P<name>.*)\.json\.tmp-\d+-\d+", re.DOTALL)
_YEAR = re.compile(r"-?\d{4,}")
_MONTH = re.compile(r"0[1-9]|1[0-2]")


class Source(StrEnum):
    """Where a copy of a run was found; in the order of trust, the first is trusted most."""

    HOT = "hot"
    SHARD = "shard"
    FLAT_SHARD = "flat_shard"
    ARCHIVE = "archive"
    ROOT = "root"
    BACKUP = "backup"
    LEFTOVER = "leftover"
    CONTEXT = "context"
    DEFINITION = "definition"

    @property
    def rank(self) -> int:
        """1 for the most trusted source."""
        return RANKS[self]


RANKS: Final = {source: rank for rank, source in enumerate(Source, start=1)}


class Layout(StrEnum):
    """What a file holds."""

    RUNS = "runs"
    SHARD = "shard"
    CONTEXT = "context"
    DEFINITION = "definition"
    DEFINITIONS = "definitions"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read. ``path`` is relative to the root with ``/``; sizes are bytes."""

    source: Source
    layout: Layout
    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Passed:
    """One file or folder that was not read, and why.

    ``alarming``: it might hold runs, so the operator has to decide; otherwise it is a mere stray.
    """

    path: str
    reason: str
    alarming: bool


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
                return cls(_root_of(path.parent), path.parent, path.name, allowed)
            next(path.iterdir(), None)
        except FileNotFoundError as error:
            raise SourceError(
                f"{path} does not exist; give the engine's state directory"
            ) from error
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {_why(error)}") from error
        data = path / "data" if (path / "data").is_dir() else path
        return cls(path if data != path else _root_of(path), data, HOT_NAME, allowed)

    def walk(self) -> Iterator[SourceFile | Passed]:
        """All that can hold runs or definitions, and what was passed over, in a fixed order."""
        walker = _Walker(self)
        yield from walker.definitions()
        yield from walker.folder(self.data, Source.HOT)
        if self.root != self.data:
            yield from walker.folder(self.root, Source.ROOT)
        for backup in walker.children(self.root / "backups"):
            if backup.name.startswith("local-cleanup-"):
                yield from walker.backup(self.root / "backups" / backup.name)
        yield from walker.trouble

    @property
    def engine_database(self) -> Path | None:
        """The database of a later engine beside the files, if there is one."""
        database = self.data / ENGINE_DATABASE_NAME
        return database if database.is_file() else None


def _root_of(data: Path) -> Path:
    resolved = data.resolve()
    return resolved.parent if resolved.name.lower() == "data" else data


@dataclass(slots=True)
class _Walker:
    """One walk: remembers the folders it has been in, and what it could not enter."""

    state: StateDirectory
    trouble: list[Passed] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)

    def definitions(self) -> Iterator[SourceFile | Passed]:
        """The current definitions: one file each, else the older file of all of them."""
        folder = self.state.data / "automations-v2"
        found = False
        for entry in self.children(folder):
            if entry.name.endswith(".json") and entry.name != "index.json":
                found = True
                yield from self.file(folder / entry.name, Source.DEFINITION, Layout.DEFINITION)
            elif entry.name != "index.json":
                yield self.stray(folder / entry.name)
        for folder in (self.state.data, self.state.root):
            aggregate = folder / DEFINITIONS_NAME
            if not found and aggregate.is_file():
                found = True
                yield from self.file(aggregate, Source.DEFINITION, Layout.DEFINITIONS)

    def folder(self, folder: Path, hot: Source) -> Iterator[SourceFile | Passed]:
        """The files and trees of one state folder; ``hot`` is what its hot file counts as."""
        archive = Source.BACKUP if hot is Source.BACKUP else Source.ARCHIVE
        for entry in self.children(folder):
            path = folder / entry.name
            if entry.name in {HOT_NAME, self.state.hot_name}:
                yield from self.file(path, hot, Layout.RUNS)
            elif entry.name == ARCHIVE_NAME:
                yield from self.file(path, archive, Layout.RUNS)
            elif entry.name == ARCHIVE_LEFTOVER_NAME or _leftover_of_runs(entry.name):
                yield from self.file(path, Source.LEFTOVER, Layout.RUNS)
            elif entry.name == "automation-runs":
                yield from self.shards(path, backup=hot is Source.BACKUP)
            elif entry.name == "context-runs":
                yield from self.context_runs(path / "hot")
                yield from self.strays(path / "archive")
            elif entry.name == "context_runs":
                yield from self.context_runs(path)
            elif entry.name.endswith(".legacy-aggregate.json"):
                yield self.stray(path, "history of definitions, never current")

    def backup(self, folder: Path) -> Iterator[SourceFile | Passed]:
        """What ``storage cleanup`` moved aside: the same names, under their old relative paths."""
        for state_folder in (folder, folder / "data"):
            if state_folder.is_dir():
                yield from self.folder(state_folder, Source.BACKUP)

    def shards(self, tree: Path, *, backup: bool) -> Iterator[SourceFile | Passed]:
        """History shards of both layouts, and leftovers of interrupted writes beside them."""
        for path, parts in self.files_below(tree):
            source = shard_source(parts)
            if source is None:
                yield self.stray(path, "not a run by its place or name")
            else:
                trusted = source is Source.LEFTOVER or not backup
                kind = source if trusted else Source.BACKUP
                yield from self.file(path, kind, Layout.SHARD)

    def context_runs(self, folder: Path) -> Iterator[SourceFile | Passed]:
        """The states of automation runs that were kept as context runs."""
        for entry in self.children(folder):
            path = folder / entry.name / "run_state.json"
            if entry.name.startswith("automation-v2-") and os.path.lexists(path):
                yield from self.file(path, Source.CONTEXT, Layout.CONTEXT)

    def strays(self, tree: Path) -> Iterator[Passed]:
        """Every file below a folder that nobody reads as runs."""
        for path, _ in self.files_below(tree):
            yield self.stray(path)

    def files_below(
        self, folder: Path, parts: tuple[str, ...] = ()
    ) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """Files with their path's parts, depth first; a folder reached twice is read once."""
        for entry in self.children(folder) if self.enter(folder) else ():
            path, place = folder / entry.name, (*parts, entry.name)
            if entry.is_dir():
                yield from self.files_below(path, place)
            else:
                yield path, place

    def enter(self, folder: Path) -> bool:
        """Whether the folder exists and was not entered before (a loop, or a second way in)."""
        try:
            status = folder.stat()
        except OSError:
            return os.path.lexists(folder)  # listing it will say what is wrong
        identity = (status.st_dev, status.st_ino)
        new = identity not in self.seen
        self.seen.add(identity)
        return new

    def children(self, folder: Path) -> list[os.DirEntry[str]]:
        """A folder's entries by name; none if it is absent, foreign or unreadable."""
        try:
            if not os.path.lexists(folder) or not self.admits(folder):
                return []
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except NotADirectoryError:
            return []
        except OSError as error:
            self.trouble.append(Passed(self.relative(folder), _why(error), alarming=True))
            return []

    def file(self, path: Path, source: Source, layout: Layout) -> Iterator[SourceFile | Passed]:
        """The file to read, or why it is not one."""
        if not self.admits(path):
            return
        try:
            status = path.stat()
        except OSError as error:
            yield Passed(self.relative(path), _why(error), alarming=True)
            return
        if not stat.S_ISREG(status.st_mode):
            yield self.stray(path, "a folder, device or FIFO, not a file")
            return
        relative = self.relative(path)
        yield SourceFile(source, layout, relative, status.st_size, status.st_mtime_ns)

    def admits(self, path: Path) -> bool:
        """Whether the path, links followed, stays where we may read."""
        if not path.is_symlink():
            return True
        target = Path(os.path.realpath(path))
        roots = (self.state.root.resolve(), self.state.data.resolve(), *self.state.allowed_roots)
        if any(target.is_relative_to(root) for root in roots):
            return True
        reason = "a link out of the state directory; --allow-root admits its target"
        self.trouble.append(Passed(self.relative(path), reason, alarming=True))
        return False

    def stray(self, path: Path, reason: str = "not a file that holds runs") -> Passed:
        return Passed(self.relative(path), reason, alarming=False)

    def relative(self, path: Path) -> str:
        return path.relative_to(self.state.root).as_posix()


def shard_source(parts: tuple[str, ...]) -> Source | None:
    """What a file in the shard tree is, by its path's parts below ``automation-runs``."""
    if _LEFTOVER.fullmatch(parts[-1]):
        return Source.LEFTOVER
    if not parts[-1].endswith(".json"):
        return None
    if len(parts) > 2 and _YEAR.fullmatch(parts[0]) and _MONTH.fullmatch(parts[1]):
        return Source.FLAT_SHARD
    return Source.SHARD if len(parts) == 4 else None


def _leftover_of_runs(name: str) -> bool:
    match = _LEFTOVER.fullmatch(name)
    return match is not None and match["name"] in {
        "automation_v2_runs",
        "automation_v2_runs_archive",
    }


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

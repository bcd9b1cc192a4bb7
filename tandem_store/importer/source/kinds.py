"""The kinds of files in a legacy state directory, told apart by their places and names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

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


#: The nanoseconds since 1970 that the ledger can hold: 1677-09-21 to 2262-04-11.
EARLIEST_NS: Final = -(2**63)
LATEST_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read. ``path`` is relative to the root with ``/``; sizes are bytes.

    ``mtime_ns`` is what ``change_time`` gave.
    """

    source: Source
    layout: Layout
    path: str
    size: int
    mtime_ns: int

    @property
    def mtime_ms(self) -> int:
        """The time of change in milliseconds since 1970, never negative, for runs without a time.

        The engine has no times before 1970.
        """
        return max(0, self.mtime_ns // 1_000_000)

    @property
    def is_dated(self) -> bool:
        """Whether the time of change tells two states of the file apart: it is not a limit."""
        return EARLIEST_NS < self.mtime_ns < LATEST_NS


def change_time(status: os.stat_result) -> int:
    """When a file was last changed, in nanoseconds since 1970, the nearest that the ledger holds.

    A wrong clock, or a damaged file system, dates files beyond that.
    """
    return min(max(status.st_mtime_ns, EARLIEST_NS), LATEST_NS)


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """One file or folder that was not read, and why.

    ``needs_attention``: it might contain runs, and a folder any number of them, so the operator has
    to decide. Otherwise it has nothing to do with runs.
    """

    path: str
    reason: str
    needs_attention: bool
    kind: Literal["file", "folder"] = "file"

    @classmethod
    def unreadable(cls, path: str, error: OSError) -> SkippedFile:
        """What the system would not let us read, in the system's words."""
        return cls(path, (error.strerror or str(error)).lower(), needs_attention=True)

    def with_kind_on_disk(self, root: Path) -> SkippedFile:
        """The same with its ``kind`` as it is on the disk, links followed."""
        return replace(self, kind="folder" if _is_folder(root / self.path) else "file")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # it is in a folder that cannot be entered, which is told of itself


def shard_source(parts: tuple[str, ...]) -> Source | None:
    """What a file in the shard tree is, by its path's parts below ``automation-runs``."""
    if _LEFTOVER.fullmatch(parts[-1]):
        return Source.LEFTOVER
    if not parts[-1].endswith(".json"):
        return None
    if len(parts) > 2 and _YEAR.fullmatch(parts[0]) and _MONTH.fullmatch(parts[1]):
        return Source.FLAT_SHARD
    return Source.SHARD if len(parts) == 4 else None


def is_leftover_of_runs(name: str) -> bool:
    """Whether a file is what an interrupted write of a hot file or archive left behind."""
    if name == ARCHIVE_LEFTOVER_NAME:
        return True
    match = _LEFTOVER.fullmatch(name)
    return match is not None and match["name"] in {
        "automation_v2_runs",
        "automation_v2_runs_archive",
    }

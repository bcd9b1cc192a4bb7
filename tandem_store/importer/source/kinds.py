"""The kinds of files in a state directory of the engine, recognised by their paths."""

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
    """Where a copy of a run was found, the most trusted source first."""

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
        """1 for the most trusted source, 9 for the least."""
        return RANKS[self]


RANKS: Final = {source: rank for rank, source in enumerate(Source, start=1)}


class Layout(StrEnum):
    """What a file contains, and so how it is read."""

    #: Many runs: a hot file, an archive, or what is left of one.
    RUNS = "runs"
    #: One run.
    SHARD = "shard"
    #: The state of a context run.
    CONTEXT = "context"
    #: One definition.
    DEFINITION = "definition"
    #: Many definitions.
    DEFINITIONS = "definitions"


#: The nanoseconds since 1970 that the ledger can store: 1677-09-21 to 2262-04-11.
EARLIEST_NS: Final = -(2**63)
LATEST_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read.

    ``path`` is relative to the state root, with ``/``. ``size`` is in bytes. ``mtime_ns`` is the
    result of ``change_time``: nanoseconds since 1970, UTC.
    """

    source: Source
    layout: Layout
    path: str
    size: int
    mtime_ns: int

    @property
    def mtime_ms(self) -> int:
        """The time of change in milliseconds since 1970, for runs without a time of their own.

        Never negative: the engine has no times before 1970.
        """
        return max(0, self.mtime_ns // 1_000_000)

    @property
    def is_dated(self) -> bool:
        """Whether a change of the file shows in its time of change; at a limit it does not."""
        return EARLIEST_NS < self.mtime_ns < LATEST_NS


def change_time(status: os.stat_result) -> int:
    """Return when a file was last changed, in nanoseconds since 1970, UTC.

    A wrong clock or a damaged file system can date a file beyond what the ledger can store; then
    it is the nearest limit.
    """
    return min(max(status.st_mtime_ns, EARLIEST_NS), LATEST_NS)


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file or folder that was not read, and why.

    ``needs_attention``: it might contain runs, and a folder any number of them, so the operator has
    to decide. Otherwise it has nothing to do with runs.
    """

    path: str
    reason: str
    needs_attention: bool
    kind: Literal["file", "folder"] = "file"

    @classmethod
    def unreadable(cls, path: str, error: OSError) -> SkippedFile:
        """Return a file that the operating system did not let us read, with the system's reason."""
        return cls(path, system_reason(error), needs_attention=True)

    def with_kind_on_disk(self, root: Path) -> SkippedFile:
        """Return the same with ``kind`` as it is on the disk, links followed."""
        return replace(self, kind="folder" if _is_folder(root / self.path) else "file")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # its folder cannot be entered, which has a message of its own


def system_reason(error: OSError) -> str:
    """Return the operating system's reason for a failure, as part of a sentence."""
    return (error.strerror or str(error)).lower()


def shard_source(parts: tuple[str, ...]) -> Source | None:
    """Return the source of a file below ``automation-runs``, ``None`` if it is not a run.

    ``parts`` are the parts of its path below that folder.
    """
    if _LEFTOVER.fullmatch(parts[-1]):
        return Source.LEFTOVER
    if not parts[-1].endswith(".json"):
        return None
    if len(parts) > 2 and _YEAR.fullmatch(parts[0]) and _MONTH.fullmatch(parts[1]):
        return Source.FLAT_SHARD
    return Source.SHARD if len(parts) == 4 else None


def is_leftover_of_runs(name: str) -> bool:
    """Whether an interrupted write of a hot file or archive left a file with this name."""
    if name == ARCHIVE_LEFTOVER_NAME:
        return True
    match = _LEFTOVER.fullmatch(name)
    return match is not None and match["name"] in {
        "automation_v2_runs",
        "automation_v2_runs_archive",
    }

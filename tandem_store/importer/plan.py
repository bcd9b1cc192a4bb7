"""The plan of an import: what it would read, counted before anything is written."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store.database.urls import database_url, is_absent, shown, sqlite_path
from tandem_store.importer.file_snapshot import LARGEST_IN_MEMORY
from tandem_store.importer.options import ImportOptions
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile, Source, SourceFile

#: Bytes of database for a byte of source, on the safe side: measured 0.2 to 0.3 with the ledger.
_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What was found, and what it takes. Sizes are bytes; ``largest`` is that of one file.

    ``target`` is the database's URL without its password.
    """

    root: Path
    target: str
    is_new: bool
    files: dict[Source, int]
    bytes: dict[Source, int]
    strays: int
    not_read: int
    largest: int
    free: int | None

    @property
    def total_bytes(self) -> int:
        """All that would be read."""
        return sum(self.bytes.values())

    @property
    def needed(self) -> int:
        """The space that the database may take, and a large file's copy while it is read."""
        return int(self.total_bytes * _SHARE) + self.largest


def survey(url: str | URL, state: StateDirectory) -> ImportPlan:
    """Walk the source and count, without reading a file.

    Raises ``SourceError`` when nothing in it can hold runs.
    """
    target = database_url(url)
    files: Counter[Source] = Counter()
    sizes: Counter[Source] = Counter()
    passed: Counter[bool] = Counter()
    largest = 0
    for found in state.walk():
        if isinstance(found, SkippedFile):
            passed[found.needs_attention] += 1
            continue
        files[found.source] += 1
        sizes[found.source] += found.size
        largest = max(largest, _copied_size(found))
    if not (files or passed):
        state.refuse_unless_recognisable()
    return ImportPlan(
        root=state.root,
        target=shown(target),
        is_new=is_absent(target),
        files=dict(files),
        bytes=dict(sizes),
        strays=passed[False],
        not_read=passed[True],
        largest=largest,
        free=_free(target),
    )


def plan_import(url: str | URL, state: Path, options: ImportOptions) -> ImportPlan:
    """Return what ``import_state`` would read with these arguments. Read-only; creates nothing."""
    return survey(url, StateDirectory.locate(state, options.allow_roots))


def scratch_folder(url: URL) -> Path | None:
    """Return the folder that large files are copied to while they are read: that of the database.

    None stands for the system's folder of temporary files.
    """
    path = sqlite_path(url)
    return path.parent if path is not None and path.parent.is_dir() else None


def _copied_size(file: SourceFile) -> int:
    return file.size if file.size > LARGEST_IN_MEMORY else 0


def _free(url: URL) -> int | None:
    folder = scratch_folder(url)
    return shutil.disk_usage(folder).free if folder is not None else None

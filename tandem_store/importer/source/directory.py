"""Finds a state directory of the engine from its root, its data folder or a hot file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tandem_store.errors import SourceError
from tandem_store.importer.source.kinds import (
    ENGINE_DATABASE_NAME,
    HOT_NAME,
    SkippedFile,
    SourceFile,
    system_reason,
)
from tandem_store.importer.source.recognition import is_file_of_runs
from tandem_store.importer.source.walk import ENGINE_DATABASE_FILES, Walk

_NOT_RUNS = (
    "{path} is not a file of runs: it does not begin like automation_v2_runs.json. Give the "
    "engine's state directory; if this is a file of runs that is damaged at its beginning, give a "
    "copy of it that is called automation_v2_runs.json, in a folder of its own."
)


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A state root and the ``data`` folder in it; both may be the same folder.

    ``allowed_roots`` are folders outside the root into which links may lead.
    """

    root: Path
    data: Path
    hot_name: str = HOT_NAME
    allowed_roots: tuple[Path, ...] = ()

    @classmethod
    def locate(cls, path: Path, allowed_roots: tuple[Path, ...] = ()) -> StateDirectory:
        """Find the root and the data folder from either of them, or from a hot file.

        Raises:
            SourceError: the path does not exist, cannot be listed and entered, or is a file
                without runs.
        """
        allowed = tuple(root.resolve() for root in allowed_roots)
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                if not is_file_of_runs(path):
                    raise SourceError(_NOT_RUNS.format(path=path))
                return cls.of_data_folder(path.parent, path.name, allowed)
            next(path.iterdir(), None)
            has_data = _is_folder_at(path / "data")
        except FileNotFoundError as error:
            raise SourceError(
                f"{path} does not exist; give the engine's state directory"
            ) from error
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {system_reason(error)}") from error
        if has_data:
            return cls(path, path / "data", HOT_NAME, allowed)
        return cls.of_data_folder(path, HOT_NAME, allowed)

    @classmethod
    def of_data_folder(
        cls, folder: Path, hot_name: str, allowed_roots: tuple[Path, ...]
    ) -> StateDirectory:
        """Return the state directory of a data folder: its parent if it is called ``data``."""
        data = folder.resolve()
        root = data.parent if data.name.lower() == "data" else data
        return cls(root, data, hot_name, allowed_roots)

    def walk(self) -> Iterator[SourceFile | SkippedFile]:
        """Yield every file that can contain runs or definitions, and those that are skipped.

        The order is always the same.
        """
        return self._walk().files()

    def _walk(self) -> Walk:
        return Walk(self.root, self.data, self.hot_name, self.allowed_roots)

    def refuse_unless_recognisable(self) -> None:
        """Check that a directory in which no runs were found is a state directory at all.

        Raises:
            SourceError: it contains nothing that the engine makes.
        """
        names = (self.hot_name, "automation-runs", "automations-v2", "context-runs")
        if not any(os.path.lexists(self.data / name) for name in names):
            raise SourceError(
                f"{self.root} is not a state directory of the engine: it has neither "
                "automation_v2_runs.json nor automation-runs, here or in data/. Give the folder "
                "that has them; if it is this one, see whether its disk is mounted."
            )

    @property
    def engine_database(self) -> Path | None:
        """The database of a later engine beside the files, ``None`` if there is none to read."""
        database = self.data / ENGINE_DATABASE_NAME
        try:
            admitted = all(map(self._walk().admits_database, ENGINE_DATABASE_FILES))
            return database if database.is_file() and admitted else None
        except OSError:
            return None  # the walk reports that the folder cannot be read


def _is_folder_at(path: Path) -> bool:
    """Whether a path is a folder, as ``Path.is_dir`` says it.

    Unlike that, it raises ``PermissionError`` in every version of Python.
    """
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise

"""The hot file, written run by run in the layout of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from tandem_store.jsontext import dumps, pretty
from tandem_store.legacy import compact_for_hot_storage, hot_cutoff_ms, serialize_runs_file
from tandem_store.records import AutomationSpec, RunRecord

#: What stands around the runs, and before each line of one.
_EMPTY: Final = serialize_runs_file({})
_HEAD: Final = _EMPTY.removesuffix(b"}\n}")
_TAIL: Final = b"\n  }\n}"
_INDENT: Final = b"\n    "


class HotFile:
    """A hot file that is being written: of the runs that are given, those that belong into it."""

    def __init__(
        self, path: Path, automations: Mapping[str, AutomationSpec], *, now_ms: int
    ) -> None:
        self._path = path
        self._automations = automations
        self._cutoff_ms = hot_cutoff_ms(now_ms)
        self._file: BinaryIO | None = None
        self.runs = 0

    def takes(self, *, is_terminal: bool, updated_at_ms: int) -> bool:
        """Return whether the engine would have such a run in its hot file.

        A run that has ended leaves it after some days, seven by default; see ``hot_cutoff_ms``.
        """
        return not (is_terminal and self._cutoff_ms and updated_at_ms <= self._cutoff_ms)

    def add(self, run: RunRecord) -> None:
        """Write a run, compacted as the engine does."""
        compacted = compact_for_hot_storage({"": run}, self._automations, self._cutoff_ms)[""]
        lines = pretty(compacted.to_legacy()).replace(b"\n", _INDENT)
        self._write(b"," if self.runs else _HEAD)
        self._write(_INDENT + dumps(run.run_id) + b": " + lines)
        self.runs += 1

    def _write(self, data: bytes) -> None:
        assert self._file is not None  # it is open for as long as the block lasts
        self._file.write(data)

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._write(_TAIL if self.runs else _EMPTY)
        finally:
            if self._file is not None:
                self._file.close()

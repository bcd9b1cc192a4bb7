"""The hot file: every run that the engine keeps in memory, in one JSON document.

Version 1 is ``{"schema_version": 1, "runs": {"<id>": {…}}}``, version 0 the inner map itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem_store import clock
from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import WHITE_SPACE, decode, loads, pretty
from tandem_store.legacy.recovery import recover_entry
from tandem_store.legacy.versions import (
    SCHEMA_VERSION,
    VERSION_FIELD,
    engine_version,
    is_versioned,
)
from tandem_store.records import RunRecord
from tandem_store.records.reading import read_run

_FILE: Final = "automation_v2_runs.json"


def parse_runs_file(data: bytes, *, now_ms: int | None = None) -> tuple[dict[str, RunRecord], bool]:
    """Return the runs of a hot file by their inner ids, and whether its version is an older one.

    This is how the engine reads the file: all of it or nothing. One entry that cannot even be
    recovered makes the whole file unreadable. A damaged entry is recovered, with ``now_ms``
    (milliseconds since 1970, UTC; by default the present) as its time. If several entries have the
    same inner id, the one with the greatest key counts.

    Raises:
        LegacyFormatError: the engine could not read the file; the text is the engine's chain.
    """
    text = decode(data).strip(WHITE_SPACE)
    if text in {"", "{}"}:
        return {}, text == "{}"
    entries, upgraded, context = _entries(data)
    now = clock.now_ms() if now_ms is None else now_ms
    try:
        return _runs(entries, now), upgraded
    except LegacyFormatError as error:
        raise error.within(context) from error


def serialize_runs_file(runs: Mapping[str, RunRecord]) -> bytes:
    """Return the bytes of a hot file with these runs under their keys, in the engine's layout.

    Raises:
        LegacyFormatError: a run is nested too deep to be written.
    """
    entries = {key: run.to_legacy() for key, run in runs.items()}
    return pretty({VERSION_FIELD: SCHEMA_VERSION, "runs": entries})


def _entries(data: bytes) -> tuple[Any, bool, str]:
    """Return what should be the map of runs, and whether its version is older.

    The third value is the context for errors in the map.
    """
    try:
        document = loads(data)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_FILE}") from error
    if not is_versioned(document):
        return document, True, f"failed to parse legacy {_FILE} v0 map"
    version = engine_version(document, _FILE)
    if "runs" not in document:
        raise LegacyFormatError(f"versioned {_FILE} missing runs object")
    return document["runs"], version < SCHEMA_VERSION, f"failed to parse versioned {_FILE} runs"


def _runs(entries: Any, now_ms: int) -> dict[str, RunRecord]:
    if not isinstance(entries, dict):
        raise LegacyFormatError("automation_v2_runs entries must be a JSON object")
    read = (_run(key, entries[key], now_ms) for key in sorted(entries))
    return {run.run_id: run for run in read}


def _run(key: str, value: Any, now_ms: int) -> RunRecord:
    try:
        return read_run(value)
    except LegacyFormatError as error:
        return read_run(recover_entry(key, value, error=str(error), now_ms=now_ms))

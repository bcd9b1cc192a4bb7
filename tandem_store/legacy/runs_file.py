"""The hot file: every run that the engine holds, in one JSON document."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import WHITE_SPACE, decode, loads, pretty
from tandem_store.legacy.recovery import recover_entry
from tandem_store.records import RunRecord
from tandem_store.records.reading import read_run

#: The only version of files and records that the engine writes.
SCHEMA_VERSION: Final = 1
_FILE: Final = "automation_v2_runs.json"


def parse_runs_file(data: bytes, *, now_ms: int | None = None) -> tuple[dict[str, RunRecord], bool]:
    """The runs of a hot file by their inner ids, and whether its envelope is of an older version.

    This is the engine's verdict on the whole file: one entry that cannot even be recovered fails
    all. Damaged entries are recovered with ``now_ms`` (milliseconds UTC, default: the present) as
    their time. Of entries with the same inner id the one with the greatest key counts.

    Raises:
        LegacyFormatError: the engine could not read the file; the text is the engine's chain.
    """
    text = decode(data).strip(WHITE_SPACE)
    if text in {"", "{}"}:
        return {}, text == "{}"
    entries, upgraded, context = _entries(data)
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    try:
        return _runs(entries, now), upgraded
    except LegacyFormatError as error:
        raise error.within(context) from error


def serialize_runs_file(runs: Mapping[str, RunRecord]) -> bytes:
    """A hot file with these runs, each under its key, laid out as the engine does.

    Raises:
        LegacyFormatError: a run is nested too deep to be written.
    """
    entries = {key: run.to_legacy() for key, run in runs.items()}
    return pretty({"schema_version": SCHEMA_VERSION, "runs": entries})


def checked_version(document: dict[str, Any], file: str) -> int:
    """The version that an envelope claims; ``file`` is the engine's name for the kind of file.

    Raises:
        LegacyFormatError: it is no version, or newer than the engine's.
    """
    version = document["schema_version"]
    if type(version) is not int or not 0 <= version < 2**32:
        raise LegacyFormatError(f"{file} schema_version must be an unsigned integer")
    if version > SCHEMA_VERSION:
        raise LegacyFormatError(
            f"{file} schema_version {version} is newer than supported version {SCHEMA_VERSION}"
        )
    return version


def _entries(data: bytes) -> tuple[Any, bool, str]:
    """What should be the map of runs, whether its version is old, and the context of errors."""
    try:
        document = loads(data)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_FILE}") from error
    if not isinstance(document, dict) or "schema_version" not in document:
        return document, True, f"failed to parse legacy {_FILE} v0 map"
    version = checked_version(document, _FILE)
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

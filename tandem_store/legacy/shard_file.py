"""The history shard: one run in one file."""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import decode, loads, pretty
from tandem_store.legacy.runs_file import SCHEMA_VERSION, checked_version
from tandem_store.records import RunRecord
from tandem_store.records.reading import read_run

_FILE: Final = "automation v2 run history shard"


def parse_shard_file(data: bytes) -> RunRecord:
    """The run of a shard; nothing is recovered.

    Raises:
        LegacyFormatError: the engine could not read the file; the text is the engine's chain.
    """
    value, context = shard_run(data)
    try:
        return read_run(value)
    except LegacyFormatError as error:
        raise error.within(context) from error


def shard_run(data: bytes) -> tuple[Any, str]:
    """The value that should be the run, not yet judged, and the context of errors in it.

    Raises:
        LegacyFormatError: there is no such value, or a newer engine wrote the file.
    """
    decode(data)
    try:
        document = loads(data)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_FILE}") from error
    if not isinstance(document, dict) or "schema_version" not in document:
        return document, f"failed to parse legacy {_FILE}"
    checked_version(document, _FILE)
    context = f"failed to parse versioned {_FILE}"
    if "run" not in document:
        raise LegacyFormatError(context, "missing field `run`")
    return document["run"], context


def serialize_shard_file(run: RunRecord) -> bytes:
    """A shard with this run, laid out as the engine does.

    Raises:
        LegacyFormatError: the run is nested too deep to be written.
    """
    return pretty({"schema_version": SCHEMA_VERSION, "run": run.to_legacy()})

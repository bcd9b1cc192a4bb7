"""The history shard: a file with one run.

Version 1 is ``{"schema_version": 1, "run": {…}}``, version 0 the run itself.
"""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import decode, loads, pretty
from tandem_store.legacy.versions import (
    SCHEMA_VERSION,
    VERSION_FIELD,
    check_version,
    engine_version,
    is_versioned,
)
from tandem_store.records import RunRecord
from tandem_store.records.reading import read_run

_FILE: Final = "automation v2 run history shard"


def parse_shard_file(data: bytes) -> RunRecord:
    """Return the run of a shard as the engine reads it; nothing is recovered.

    Raises:
        LegacyFormatError: the engine could not read the file; the text is the engine's chain.
    """
    decode(data)
    try:
        document = loads(data)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_FILE}") from error
    context = f"failed to parse legacy {_FILE}"
    if is_versioned(document):
        engine_version(document, _FILE)
        context = f"failed to parse versioned {_FILE}"
    try:
        return read_run(run_of_shard(document))
    except LegacyFormatError as error:
        raise error.within(context) from error


def run_of_shard(document: Any) -> Any:
    """Return the value that should be the run of a parsed shard, not validated yet.

    Raises:
        NewerVersionError: a later engine wrote the file.
        LegacyFormatError: the envelope has no valid version, or no run.
    """
    if not is_versioned(document):
        return document
    check_version(document[VERSION_FIELD])
    if "run" not in document:
        raise LegacyFormatError("missing field `run`")
    return document["run"]


def serialize_shard_file(run: RunRecord) -> bytes:
    """Return the bytes of a shard with this run, in the engine's layout.

    Raises:
        LegacyFormatError: the run is nested too deep to be written.
    """
    return pretty({VERSION_FIELD: SCHEMA_VERSION, "run": run.to_legacy()})

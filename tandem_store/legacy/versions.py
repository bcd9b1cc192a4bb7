"""The ``schema_version`` of the engine's files, checked here and nowhere else.

A file without one is of version 0. Versions 0 and 1 contain the same records; only the envelope
around them differs.
"""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError

#: The version that the engine writes.
SCHEMA_VERSION: Final = 1
#: The field of an envelope that has it.
VERSION_FIELD: Final = "schema_version"


class NewerVersionError(LegacyFormatError):
    """A later engine wrote the file, so its content may not mean what it seems to mean."""


def is_versioned(document: Any) -> bool:
    """Whether a parsed file has an envelope with a version."""
    return isinstance(document, dict) and VERSION_FIELD in document


def check_version(version: Any) -> int:
    """Return the version if it is one that can be read.

    Raises:
        NewerVersionError: it is greater than ``SCHEMA_VERSION``, also if it is spelled as a
            fraction or as text, such as ``2.0`` or ``"2"``.
        LegacyFormatError: it is not a version.
    """
    if type(version) is int and 0 <= version <= SCHEMA_VERSION:
        return version
    if _number(version) > SCHEMA_VERSION:
        raise NewerVersionError(
            f"schema_version {version} is newer than supported version {SCHEMA_VERSION}"
        )
    raise LegacyFormatError("schema_version must be an unsigned integer")


def engine_version(document: dict[str, Any], file: str) -> int:
    """Return the version of an envelope, or refuse it in the engine's words.

    ``file`` is the engine's name for the kind of file.

    Raises:
        LegacyFormatError: the engine could not read the version, or it is newer than the engine's.
    """
    version = document[VERSION_FIELD]
    # To the engine, what does not fit in 32 bits is not a version, and neither are 2.0 and "2".
    is_u32 = type(version) is int and 0 <= version < 2**32
    try:
        return check_version(version if is_u32 else None)
    except LegacyFormatError as error:
        raise LegacyFormatError(f"{file} {error}") from error


def _number(version: Any) -> float:
    """Return the number that a version spells, 0 if it does not spell any."""
    if isinstance(version, str):
        text = version.strip()
        is_number = text.isascii() and text.replace(".", "", 1).isdigit()
        return float(text) if is_number else 0.0
    if isinstance(version, int | float) and not isinstance(version, bool):
        return float(version)
    return 0.0

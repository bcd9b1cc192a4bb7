"""Files of automation definitions: one definition per file, or all of them in one file."""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import WHITE_SPACE, decode, loads
from tandem_store.records import AutomationSpec
from tandem_store.records.reading import read_automation

_FILE: Final = "automations_v2.json"
_DEFINITION: Final = "automation definition"


def parse_definition(data: bytes) -> AutomationSpec:
    """Return the definition in a file of its own.

    Raises:
        LegacyFormatError: the file is not a valid definition.
    """
    decode(data)
    try:
        return read_automation(loads(data))
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_DEFINITION}") from error


def parse_definitions_file(data: bytes) -> dict[str, AutomationSpec]:
    """Return the definitions in the older file that has all of them, by their keys.

    A blank file has none.

    Raises:
        LegacyFormatError: the file is not a JSON object, or one of its definitions is not valid.
    """
    decode(data)
    try:
        entries = definition_entries(data)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_FILE}") from error
    return {key: _read(key, value) for key, value in entries.items()}


def definition_entries(data: bytes) -> dict[str, Any]:
    """Return the values in the file of all definitions by their keys, not validated yet.

    Raises:
        LegacyFormatError: the file is not a JSON object.
    """
    if not decode(data).strip(WHITE_SPACE):
        return {}
    document = loads(data)
    if not isinstance(document, dict):
        raise LegacyFormatError("expected a map of definitions")
    return document


def _read(key: str, value: Any) -> AutomationSpec:
    try:
        return read_automation(value)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {_FILE} entry `{key}`") from error

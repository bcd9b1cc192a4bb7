"""Files of automation definitions: one each, or all in one."""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import WHITE_SPACE, decode, loads
from tandem_store.records import AutomationSpec
from tandem_store.records.reading import read_automation

_FILE: Final = "automations_v2.json"


def parse_definition(data: bytes) -> AutomationSpec:
    """The definition in a file of its own.

    Raises:
        LegacyFormatError: it is none.
    """
    return _read(_document(data, "automation definition"), "automation definition")


def parse_definitions_file(data: bytes) -> dict[str, AutomationSpec]:
    """The definitions in the older file that holds all, by their keys there; a blank file has none.

    Raises:
        LegacyFormatError: it is no such file, or one of the definitions is none.
    """
    if not decode(data).strip(WHITE_SPACE):
        return {}
    document = _document(data, _FILE)
    if not isinstance(document, dict):
        raise LegacyFormatError(f"failed to parse {_FILE}", "expected a map of definitions")
    return {key: _read(value, f"{_FILE} entry `{key}`") for key, value in document.items()}


def _document(data: bytes, what: str) -> Any:
    decode(data)
    try:
        return loads(data)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {what}") from error


def _read(value: Any, what: str) -> AutomationSpec:
    try:
        return read_automation(value)
    except LegacyFormatError as error:
        raise error.within(f"failed to parse {what}") from error

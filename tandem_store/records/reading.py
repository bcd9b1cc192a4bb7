"""Validates parsed JSON as a record; an error is one fault, in the words of the engine."""

from __future__ import annotations

import types
from enum import StrEnum
from functools import cache
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import dumps
from tandem_store.records import AutomationSpec, Record, RunRecord, TenantContext
from tandem_store.records.base import MAX_U64, U32

_Read = TypeVar("_Read", bound=Record)

#: The most characters of a value or key in a message; they may be as long as the file.
_LONGEST_QUOTE: Final = 200
_UNIONS: Final = (Union, types.UnionType)
#: The field that says which variant of a union an object is.
_TAG: Final = "type"
_TAG_FAULTS: Final = {"union_tag_not_found", "union_tag_invalid"}
_OUT_OF_RANGE: Final = {"greater_than_equal", "less_than_equal"}
_UNKNOWN_NAME: Final = {"enum", "literal_error", "union_tag_invalid"}
_WORDS: Final[dict[Any, str]] = {
    str: "a string",
    float: "f64",
    bool: "a boolean",
    list: "a sequence",
    dict: "a map",
    Literal: "a string",
}


def read_run(value: Any) -> RunRecord:
    """Return a parsed value as a run.

    Raises:
        LegacyFormatError: it is not a valid run; the text is the engine's and names the field.
    """
    return read(RunRecord, value)


def read_automation(value: Any) -> AutomationSpec:
    """Return a parsed value as an automation definition.

    Raises:
        LegacyFormatError: it is not a valid one; the text is the engine's and names the field.
    """
    return read(AutomationSpec, value)


def read_tenant(value: Any) -> TenantContext:
    """Return a parsed value as a tenant.

    Raises:
        LegacyFormatError: it is not a valid one; the text is the engine's and names the field.
    """
    return read(TenantContext, value)


def read(record: type[_Read], value: Any) -> _Read:
    """Return a parsed value as a record of the given type.

    Raises:
        LegacyFormatError: it is not a valid one; the text is the engine's and names the field.
    """
    try:
        return record.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise LegacyFormatError(_text(record, min(faults, key=_turn))) from None


def u64(value: Any) -> int | None:
    """Return the value if it is an integer from 0 to 2**64 - 1, else ``None``."""
    return value if type(value) is int and 0 <= value <= MAX_U64 else None


def _turn(fault: ErrorDetails) -> tuple[tuple[bool, str | int], ...]:
    """Return the key that sorts faults in the order in which the engine meets them.

    Faults of members come first, by the members' names; then missing members, in the order in which
    the type declares them. Pydantic lists missing fields in that order already, and ``min`` takes
    the first of equals.
    """
    last = len(fault["loc"]) - 1
    return tuple(
        (True, "") if at == last and fault["type"] == "missing" else (False, step)
        for at, step in enumerate(fault["loc"])
    )


def _text(record: type[Record], fault: ErrorDetails) -> str:
    """Return the fault in the engine's words, with its path unless they name the field."""
    path, expected = _path_and_type(record, fault["loc"])
    if fault["type"] in _TAG_FAULTS:
        path += f".{_TAG}"
    text = _fault_text(fault, expected)
    said = not path or (fault["type"] == "missing" and len(fault["loc"]) == 1)
    return text if said else f"{text} at `{path}`"


def _fault_text(fault: ErrorDetails, expected: Any) -> str:
    kind, value = fault["type"], fault["input"]
    if kind == "missing":
        return f"missing field `{fault['loc'][-1]}`"
    if kind == "union_tag_not_found":
        return f"missing field `{_TAG}`"
    if kind in _OUT_OF_RANGE:
        return f"invalid value: integer `{value}`, expected {_described(expected)}"
    if kind == "union_tag_invalid":
        value = value[_TAG]
    if kind in _UNKNOWN_NAME and isinstance(value, str):
        return f"unknown variant `{value[:_LONGEST_QUOTE]}`, expected {_listed(_names(expected))}"
    if kind == "enum" and isinstance(value, dict):
        # The engine accepts {"name": null} by accident; nothing ever wrote it.
        return f"invalid type: map, expected {_listed(_names(expected))}"
    return f"invalid type: {_given(value)}, expected {_described(expected)}"


def _path_and_type(record: type[Record], loc: tuple[str | int, ...]) -> tuple[str, Any]:
    """Return the path of a fault as people write it, and the type that was expected there."""
    path = ""
    expected: Any = record
    for step in loc:
        container = _plain(expected)
        if get_origin(container) in _UNIONS:
            # To Pydantic the variant is a step of its own; it is not part of the path.
            expected = next(one for one in get_args(container) if step in _names(one))
            continue
        name = f"[{step}]" if isinstance(step, int) else step[:_LONGEST_QUOTE]
        path += f".{name}" if path and isinstance(step, str) else name
        expected = _inside(container, step)
    return path, expected


def _inside(container: Any, step: str | int) -> Any:
    if isinstance(container, type) and issubclass(container, Record):
        return _field_types(container)[str(step)]
    return get_args(container)[-1]


@cache
def _field_types(record: type[Record]) -> dict[str, Any]:
    """Return the annotated type of each field, by its name in JSON."""
    hints = get_type_hints(record, include_extras=True)
    return {field.alias or name: hints[name] for name, field in record.model_fields.items()}


def _required(expected: Any) -> Any:
    """Return the type without ``None``."""
    if get_origin(expected) in _UNIONS and type(None) in get_args(expected):
        return next(one for one in get_args(expected) if one is not type(None))
    return expected


def _plain(expected: Any) -> Any:
    """Return the type without ``None`` and without annotations."""
    while (bare := _bare(expected)) is not expected:
        expected = bare
    return expected


def _bare(expected: Any) -> Any:
    if get_origin(expected) is Annotated:
        return get_args(expected)[0]
    return _required(expected)


def _names(expected: Any) -> list[str]:
    """Return the names that an enum, or the tag of a union or variant, may have."""
    plain = _plain(expected)
    if get_origin(plain) in _UNIONS:
        return [name for one in get_args(plain) for name in _names(one)]
    if get_origin(plain) is Literal:
        return [str(name) for name in get_args(plain)]
    if issubclass(plain, StrEnum):
        return [str(name) for name in plain]
    return _names(_field_types(plain)[_TAG])


def _described(expected: Any) -> str:
    """Return the engine's words for a type."""
    plain = _plain(expected)
    if plain is int:
        return "u32" if _required(expected) == U32 else "u64"
    if plain in _WORDS:
        return _WORDS[plain]
    if isinstance(plain, type) and issubclass(plain, Record):
        return f"struct {plain.engine_name()}"
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return "string or map"
    return _WORDS.get(get_origin(plain), f"a map with `{_TAG}`")


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " or ".join(quoted) if len(quoted) < 3 else f"one of {', '.join(quoted)}"


def _given(value: Any) -> str:
    """Return the engine's words for a value."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"string {dumps(value[:_LONGEST_QUOTE]).decode()}"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"{'integer' if isinstance(value, int) else 'floating point'} `{value}`"
    return "map" if isinstance(value, dict) else "sequence"

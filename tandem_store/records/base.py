"""The base class of all records: strict to read, keeps unknown fields, writes like the engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum, StrEnum, auto
from functools import cache
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

MAX_U64: Final = 2**64 - 1
MIN_I64: Final = -(2**63)
#: Types whose values are JSON as they are, which most are.
_PLAIN: Final = frozenset((str, bool, type(None)))

#: An integer from 0 to 2**64 - 1; floats, booleans and strings are refused.
U64 = Annotated[int, Field(ge=0, le=MAX_U64)]
#: An integer from 0 to 2**32 - 1; floats, booleans and strings are refused.
U32 = Annotated[int, Field(ge=0, le=2**32 - 1)]

_Name = TypeVar("_Name", bound=StrEnum)
#: An enum that may be given by its name; strict mode would accept only its members.
Named = Annotated[_Name, Field(strict=False)]


class Written(Enum):
    """When a field is part of the written record.

    Unless marked otherwise, a field whose default is ``None`` is omitted when it is ``None``, and
    any other field is always written.
    """

    ALWAYS = auto()
    UNLESS_NONE = auto()
    UNLESS_EMPTY = auto()
    #: If it was given or differs from its default, so that older readers do not meet a new field.
    IF_GIVEN = auto()


#: Fields of which most are written without a further question.
_OFTEN: Final = (Written.ALWAYS, Written.UNLESS_NONE)


class Record(BaseModel):
    """One object of the engine's stored JSON: frozen, strict and complete.

    Fields that this version does not know are kept at every level and written again. Frozen means
    that no attribute can be set. The lists and dicts inside belong to the record: do not change
    them.
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="allow",
        allow_inf_nan=False,
        protected_namespaces=(),
        # Validators are built when a record is first read: 45 of them take a tenth of a second,
        # which lists and statistics do not need.
        defer_build=True,
    )

    #: The engine's name of the type where ours differs; part of its error texts.
    ENGINE_NAME: ClassVar[str | None] = None

    @classmethod
    def engine_name(cls) -> str:
        """Return the engine's name for this type."""
        return cls.ENGINE_NAME or cls.__name__

    def to_legacy(self) -> dict[str, Any]:
        """Return a new dict with the JSON that the engine writes for this record.

        Known fields come first, in the engine's order and without those that it omits, then the
        unknown ones in the order in which they were read. Keys of maps and of free-form JSON are
        sorted by code point.

        Raises:
            TypeError: a free-form field contains something that JSON has no form for.
            ValueError: a number is not finite, or an integer does not fit in 64 bits.
        """
        # Not by ``written_fields``, which takes a fifth longer: this is most of what an add costs.
        values, given, legacy = self.__dict__, self.__pydantic_fields_set__, {}
        for name, key, written in _fields_as_written(type(self)):
            value = values[name]
            if value is None and written is Written.UNLESS_NONE:
                continue
            if written in _OFTEN or _is_written(written, value, given=name in given):
                legacy[key] = value if type(value) in _PLAIN else json_value(value)
        for name, value in (self.__pydantic_extra__ or {}).items():
            legacy[name] = json_value(value)
        return legacy


def written_fields(record: Record) -> Iterator[tuple[str, str, Any]]:
    """Yield attribute, JSON key and value of each field that the engine writes, in its order.

    The unknown ones come last, in the order in which they were read.
    """
    values, given = record.__dict__, record.model_fields_set
    for name, key, written in _fields_as_written(type(record)):
        value = values[name]
        if written is Written.ALWAYS or _is_written(written, value, given=name in given):
            yield name, key, value
    for name, value in (record.model_extra or {}).items():
        yield name, name, value


@cache
def _fields_as_written(record: type[Record]) -> tuple[tuple[str, str, Written], ...]:
    """Return attribute, JSON key and omission rule of each field, in the order of writing."""
    return tuple(
        (name, field.alias or name, _when_written(field))
        for name, field in record.model_fields.items()
    )


def _when_written(field: FieldInfo) -> Written:
    for mark in field.metadata:
        if isinstance(mark, Written):
            return mark
    return Written.UNLESS_NONE if field.default is None else Written.ALWAYS


def _is_written(written: Written, value: object, *, given: bool) -> bool:
    """Whether to write a field that is not always written."""
    if written is Written.UNLESS_NONE:
        return value is not None
    return bool(value) or (written is Written.IF_GIVEN and given)


def json_value(value: Any) -> Any:
    """Return a copy of a value as plain JSON types, with dict keys sorted by code point.

    Raises:
        TypeError: JSON has no form for the value.
        ValueError: a number is not finite, or an integer does not fit in 64 bits.
    """
    kind: type = type(value)
    if kind in _PLAIN:
        return value
    if kind is int and MIN_I64 <= value <= MAX_U64:
        return value
    if kind is dict:
        return {
            key: item if type(item := value[key]) in _PLAIN else json_value(item)
            for key in sorted(value)
        }
    if kind is list:
        return [item if type(item) in _PLAIN else json_value(item) for item in value]
    if Record in kind.__mro__:  # isinstance asks Pydantic's metaclass, which takes far longer
        return value.to_legacy()
    if isinstance(value, StrEnum):
        return value.value
    if kind is float and math.isfinite(value):
        return value
    if kind is int:
        raise ValueError(f"the integer {value} does not fit in 64 bits; give it as a string")
    if kind is float:
        raise ValueError(f"{value} has no form in JSON; give None or a string")
    raise TypeError(f"{kind.__name__} has no form in JSON; give str, int, float, list or dict")

"""Hypothesis strategies: JSON for any record, with unknown fields at every level."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tandem_store.records import Record, RunRecord
from tandem_store.records.base import U32

_MAX_U64: Final = 2**64 - 1
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.just("\0")
#: Names that a careless model would mix up with its own.
_UNKNOWN_NAMES: Final = st.sampled_from(
    [
        "zz",
        "",
        "é",
        "self",
        "copy",
        "schema_",
        "output_schema",
        "created_at",
        "is_terminal",
        "month_ms",
        "model_dump",
        "model_fields_set",
        "__class__",
        "__dict__",
        "__pydantic_extra__",
    ]
)
FREE_JSON: Final[SearchStrategy[Any]] = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(
        [0, 1, -1, 2**63 - 1, 2**63, _MAX_U64, -(2**63), 1.0, -0.0, 0.0, 1e16, 5e-324]
    )
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


def run_values() -> SearchStrategy[dict[str, Any]]:
    """Well-formed runs as parsed JSON, each a mixture of present, absent and unknown fields."""
    return _record(RunRecord)


@st.composite
def _record(draw: st.DrawFn, record: type[Record]) -> dict[str, Any]:
    hints = get_type_hints(record, include_extras=True)
    value: dict[str, Any] = {}
    for name, field in record.model_fields.items():
        is_tag = get_origin(hints[name]) is Literal
        if field.is_required() or is_tag or draw(st.integers(0, 3)) == 0:
            value[field.alias or name] = draw(_value(hints[name]))
    known = set(value) | {field.alias or name for name, field in record.model_fields.items()}
    if draw(st.integers(0, 3)) == 0:
        unknown = draw(st.dictionaries(_UNKNOWN_NAMES, FREE_JSON, max_size=2))
        value |= {name: one for name, one in unknown.items() if name not in known}
    return value


def _value(expected: Any) -> SearchStrategy[Any]:
    if expected == U32:
        return st.sampled_from([0, 1, 2**32 - 1])
    if get_origin(expected) is Annotated:
        return _value(get_args(expected)[0])
    if get_origin(expected) in {Union, types.UnionType}:
        return st.one_of([_value(one) for one in get_args(expected)])
    if get_origin(expected) is Literal:
        return st.sampled_from(get_args(expected))
    if get_origin(expected) is list:
        return st.lists(_value(get_args(expected)[0]), max_size=2)
    if get_origin(expected) is dict:
        return st.dictionaries(_TEXT, _value(get_args(expected)[1]), max_size=2)
    if isinstance(expected, type) and issubclass(expected, Record):
        return st.deferred(lambda: _record(expected))
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return st.sampled_from([str(name) for name in expected])
    scalars: dict[Any, SearchStrategy[Any]] = {
        int: st.sampled_from([0, 1, 2**63 - 1, _MAX_U64]) | st.integers(0, _MAX_U64),
        float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, _MAX_U64),
        str: _TEXT,
        bool: st.booleans(),
        type(None): st.none(),
        Any: FREE_JSON,
    }
    return scalars[expected]

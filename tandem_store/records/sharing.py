"""Writes a changed record anew, and only what changed in it.

A change leaves most of a record as it was: the same objects. They were validated and spelled
before, so their stored form is taken over. A list or dict that was changed in place, which the
records forbid, is noticed all the same, except for an exchange of records within a list or dict.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tandem_store.records.base import Record, json_value, written_fields


class Spelled(NamedTuple):
    """A value as JSON, and what validates as the same: the same JSON, or what was validated."""

    legacy: Any
    known: Any


def spelled_anew(after: Record, before: Record, stored: dict[str, Any]) -> Spelled:
    """Return what ``after.to_legacy()`` does, with the parts of ``stored`` that are still right.

    ``stored`` is the JSON that ``before``, a record of the same type, was read from. Neither is
    changed. Keys within a part that is taken over keep their order. Raises as ``to_legacy`` does.
    """
    legacy, known = {}, {}
    old = {**before.__dict__, **(before.model_extra or {})}
    for name, key, value in written_fields(after):
        legacy[key], known[key] = _spelled(value, old.get(name), stored.get(key))
    return Spelled(legacy, known)


def _spelled(value: Any, before: Any, stored: Any) -> Spelled:
    if value is before and _is_stored_as(value, stored):
        return Spelled(stored, value)
    kind = type(value)
    if kind is type(before):
        if kind is dict and type(stored) is dict:
            return _spelled_dict(value, before, stored)
        if kind is list and type(stored) is list:
            return _spelled_list(value, before, stored)
        if Record in kind.__mro__ and type(stored) is dict:
            return spelled_anew(value, before, stored)
    legacy = json_value(value)
    return Spelled(legacy, legacy)


def _spelled_dict(value: dict[str, Any], before: dict[str, Any], stored: dict[str, Any]) -> Spelled:
    if value is before:
        before = {}
    items = {key: _spelled(value[key], before.get(key), stored.get(key)) for key in sorted(value)}
    return Spelled(
        {key: one.legacy for key, one in items.items()},
        {key: one.known for key, one in items.items()},
    )


def _spelled_list(value: list[Any], before: list[Any], stored: list[Any]) -> Spelled:
    if value is before:
        before = []
    pairs = zip(before, stored, strict=False)
    items = [_spelled(one, *next(pairs, (None, None))) for one in value]
    return Spelled([one.legacy for one in items], [one.known for one in items])


def _is_stored_as(value: Any, stored: Any) -> bool:
    """Whether a value that was read from ``stored`` has not been changed in place since."""
    kind = type(value)
    if kind is dict or kind is list:
        if type(stored) is not kind or len(value) != len(stored):
            return not value and stored is None
        # Nearly always the very same objects, which makes the comparison fast.
        return value == stored or _has_records(value)
    if Record in kind.__mro__:
        return type(stored) is dict and all(
            _is_stored_as(one, stored.get(key)) for _, key, one in written_fields(value)
        )
    return stored is not None or value is None


def _has_records(value: Any) -> bool:
    items = value.values() if type(value) is dict else value
    return any(Record in type(one).__mro__ for one in items)

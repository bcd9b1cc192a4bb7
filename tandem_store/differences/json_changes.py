"""Where two JSON values differ: paths, with what each of the two has there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import Any, Final

from tandem_store.json_pointer import below
from tandem_store.jsontext import canonical


class Absent(Enum):
    """The type of ``ABSENT``."""

    ABSENT = "absent"


#: Stands for a value that is not there, which is something else than null.
ABSENT: Final = Absent.ABSENT

#: By these, items of lists are the same item although it changed or moved.
_IDS: Final = ("node_id", "agent_id")


@dataclass(frozen=True, slots=True)
class Change:
    """One place at which two JSON values differ.

    ``path`` is a JSON Pointer (RFC 6901) into the first value, or into the second for what only the
    second has.
    """

    path: str
    #: What the first value has there, or ``ABSENT``.
    one: Any
    #: What the second value has there, or ``ABSENT``.
    other: Any


def changes(one: Any, other: Any) -> tuple[Change, ...]:
    """Return every place at which two JSON values differ; 1, 1.0 and true are not the same.

    Either value may be ``ABSENT``. Nodes and agents are paired by their ids, items of other lists
    by their position behind what both lists begin with.
    """
    return tuple(_changes("", one, other))


def is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same; the order of keys does not count."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return one is other or canonical(one) == canonical(other)


def _changes(path: str, one: Any, other: Any) -> Iterator[Change]:
    if type(one) is dict and type(other) is dict:
        for key in {**one, **other}:
            yield from _changes(below(path, key), one.get(key, ABSENT), other.get(key, ABSENT))
    elif type(one) is list and type(other) is list:
        yield from _items(path, one, other)
    elif not is_same(one, other):
        yield Change(path, one, other)


def _items(path: str, one: list[Any], other: list[Any]) -> Iterator[Change]:
    for name in _IDS:
        places, others = _by_id(one, name), _by_id(other, name)
        if _agree(places, others):
            for one_id, at in {**others, **places}.items():
                yield from _changes(
                    below(path, at),
                    one[places[one_id]] if one_id in places else ABSENT,
                    other[others[one_id]] if one_id in others else ABSENT,
                )
            return
    yield from _by_position(path, one, other)


def _by_id(items: Sequence[Any], name: str) -> dict[str, int]:
    """Return the position of each item by its id; nothing if ids are missing or not unique."""
    ids = [item.get(name) if isinstance(item, dict) else None for item in items]
    if all(isinstance(one, str) for one in ids) and len(set(ids)) == len(ids):
        return {one: at for at, one in enumerate(ids) if one is not None}
    return {}


def _agree(places: dict[str, int], others: dict[str, int]) -> bool:
    """Whether there are ids in both lists, in the same order."""
    both = [one for one in places if one in others]
    return bool(both) and both == [one for one in others if one in places]


def _by_position(path: str, one: list[Any], other: list[Any]) -> Iterator[Change]:
    start, end = _in_common(one, other)
    middles = one[start : len(one) - end], other[start : len(other) - end]
    for at, (item, beside) in enumerate(zip_longest(*middles, fillvalue=ABSENT), start):
        yield from _changes(below(path, at), item, beside)


def _in_common(one: list[Any], other: list[Any]) -> tuple[int, int]:
    """Return how many items two lists have in common at the beginning, and at the end."""
    texts, others = [canonical(item) for item in one], [canonical(item) for item in other]
    shorter = min(len(one), len(other))
    start = next((at for at in range(shorter) if texts[at] != others[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if texts[-1 - at] != others[-1 - at]), rest)
    return start, end

"""Where two JSON values differ first: kinds of numbers count, and the sign of zero."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any


def first_difference(one: Any, other: Any) -> str | None:
    """Return the path of the first difference, such as ``checkpoint.node_outputs.n1[0]``.

    Returns None if the values are equal.
    """
    return next(_differences(one, other, ""), None)


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in chain(one, (key for key in other if key not in one)):
            inner = f"{path}.{key}" if path else key
            if key in one and key in other:
                yield from _differences(one[key], other[key], inner)
            else:
                yield inner
    elif isinstance(one, list) and isinstance(other, list):
        for at, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from _differences(left, right, f"{path}[{at}]")
        if len(one) != len(other):
            yield f"{path}[{min(len(one), len(other))}]"
    elif not _same_scalar(one, other):
        yield path


def _same_scalar(one: Any, other: Any) -> bool:
    # 1 and 1.0, and 0.0 and -0.0, are equal but differ in repr; strings are equal or not anyway.
    return type(one) is type(other) and (one == other and repr(one) == repr(other))

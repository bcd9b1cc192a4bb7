"""JSON Pointers (RFC 6901): the path to a value inside another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def tokens(pointer: str) -> list[str]:
    """Return the keys that a pointer names, the outermost first."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def below(pointer: str, token: str | int) -> str:
    """Return the pointer to a member or an item of the value that ``pointer`` leads to."""
    return f"{pointer}/{str(token).replace('~', '~0').replace('/', '~1')}"


def value_at(value: Any, path: Sequence[str]) -> Any:
    """Return the value that ``tokens`` lead to inside ``value``, None if there is none."""
    for token in path:
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list) and token.isascii() and token.isdecimal():
            value = value[int(token)] if int(token) < len(value) else None
        else:
            return None
    return value

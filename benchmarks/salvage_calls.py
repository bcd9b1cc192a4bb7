"""Damaged files of every kind: a program that makes them, and salvages them when asked.

Each file is cut into entries, as an import does it before anything is stored, and then salvaged
from its beginning to its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from benchmarks.answering import answer
from tandem_store.importer.source.salvage.damaged_ranges import salvage
from tandem_store.importer.source.salvage.entries import outline

_KILOBYTE: Final = 1_000


def escaped_quotes(size: int) -> bytes:
    """One entry with JSON inside a string, which lost its end."""
    inner = json.dumps([{"key": "value"}] * (size // 24))
    return json.dumps({"schema_version": 1, "runs": {"r": _run("r", text=inner)}}).encode()[:-9]


def backslashes(size: int) -> bytes:
    """One entry with a string of backslashes and quotes, which lost its end."""
    text = json.dumps({"schema_version": 1, "runs": {"r": _run("r", text='\\\\"' * (size // 4))}})
    return text.encode()[:-9]


def surplus_quotes(size: int) -> bytes:
    """Minified entries, one quote too many in every second."""
    return _all_over(size, '"', indent=None)


def missing_brackets(size: int) -> bytes:
    """Minified entries, one bracket too many in every second."""
    return _all_over(size, "{", indent=None)


def sorted_keys(size: int) -> bytes:
    """Entries in lines with sorted keys, one quote too many in every second."""
    return _all_over(size, '"', indent=2)


def _all_over(size: int, spoil: str, *, indent: int | None) -> bytes:
    runs = {f"r{at}": _run(f"r{at}", spoilt=bool(at % 2)) for at in range(size // 700)}
    document = {"schema_version": 1, "runs": runs}
    text = json.dumps(document, indent=indent, sort_keys=indent is not None)
    return text.replace("SPOIL", spoil).encode()


def _run(run_id: str, *, text: str = "plain", spoilt: bool = False) -> dict[str, object]:
    outputs = {"a": {"text": text, "more": "SPOIL" if spoilt else "x" * 500}}
    return {"run_id": run_id, "automation_id": "a", "checkpoint": {"node_outputs": outputs}}


_KINDS: Final[tuple[Callable[[int], bytes], ...]] = (
    escaped_quotes,
    backslashes,
    surplus_quotes,
    missing_brackets,
    sorted_keys,
)


def calls(sizes: list[int]) -> dict[str, Callable[[], Any]]:
    """Return a call for each kind of damage and size in kilobytes, such as ``backslashes 128``."""
    return {
        f"{kind.__name__.replace('_', ' ')} {size}": partial(_salvaged, kind(size * _KILOBYTE))
        for kind in _KINDS
        for size in sizes
    }


def _salvaged(data: bytes) -> None:
    outline(data)
    list(salvage(data, 0, len(data)))


if __name__ == "__main__":
    answer(lambda setup: calls(setup["sizes"]))

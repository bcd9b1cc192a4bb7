"""``python -m benchmarks.salvage``: how the time to salvage a damaged file grows with its size.

Twice the size must take about twice the time. Each file is cut into entries, as an import does it
before anything is stored, and then salvaged from its beginning to its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

import click

from benchmarks.table import head, machine, row
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


KINDS: Final[tuple[Callable[[int], bytes], ...]] = (
    escaped_quotes,
    backslashes,
    surplus_quotes,
    missing_brackets,
    sorted_keys,
)


def seconds(data: bytes) -> float:
    """Processor time to cut a file into entries, and to salvage all of it."""
    started = time.process_time()
    outline(data)
    list(salvage(data, 0, len(data)))
    return time.process_time() - started


@click.command()
@click.option("--smallest", default=128, show_default=True, help="Kilobytes of the smallest file.")
@click.option("--sizes", default=6, show_default=True, help="How many sizes, each twice the last.")
def main(smallest: int, sizes: int) -> None:
    """Salvage damaged files of growing size and print milliseconds of processor time."""
    steps = [smallest << step for step in range(sizes)]
    click.echo(f"{machine()}\n\nmilliseconds of processor time\n")
    head("damage", *(f"{step:,} KB" for step in steps))
    for kind in KINDS:
        files = [kind(step * _KILOBYTE) for step in steps]
        name = kind.__name__.replace("_", " ")
        row(name, *(f"{min(seconds(file) for _ in range(3)) * 1000:,.1f}" for file in files))


if __name__ == "__main__":
    main()

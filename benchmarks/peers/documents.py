"""The runs that the programs with calls are filled with: the same documents for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from benchmarks.workload import Workload

#: Distinct documents; larger stores repeat them under other ids.
DISTINCT: Final = 1_000


def documents(*, runs: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield so many runs, as the engine writes them, each with an id of its own."""
    patterns = list(Workload(seed=seed, months=1).runs(min(runs, DISTINCT)))
    for number in range(runs):
        yield patterns[number % len(patterns)] | {"run_id": f"run-{number:07}"}

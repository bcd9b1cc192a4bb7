"""Importing one big hot file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from itertools import product
from typing import Final

from benchmarks import stores
from benchmarks.generate import write_hot
from benchmarks.lab import Lab
from benchmarks.markdown import megabytes, number
from benchmarks.results import Results
from benchmarks.servers import database_bytes
from benchmarks.tables import Cell, figures, least_to_most, median, most_megabytes
from benchmarks.turns import in_turns

TITLE: Final = "One big hot file"
CASE: Final = "hot file"
FILE: Final = "the file"
IMPORTS: Final = {1: "import, 1 process", 2: "import, 2 parsers"}
#: A gigabyte takes half a minute, and varies less than many small files do.
_MOST_ROUNDS: Final = 3


def measure(lab: Lab) -> None:
    """Import the file with one process and with two parsers, in turns."""
    state, size = lab.work / "hot", lab.sizes.hot_bytes
    lab.say(f"writing a hot file of {megabytes(size)}")
    runs = write_hot(state, size=size, seed=lab.sizes.seed)
    lab.results.add(CASE, FILE, {"bytes": size, "runs": runs})
    rounds = min(lab.sizes.rounds, _MOST_ROUNDS)
    for jobs, checkout in in_turns(list(product(IMPORTS, lab.checkouts)), rounds):
        with lab.new_database() as url:
            cost = stores.import_(checkout, url, state, jobs, runs=runs)
            more = {"bytes": database_bytes(url), "MB a second": size / 1e6 / cost.seconds}
            lab.note(CASE, checkout.named(IMPORTS[jobs]), cost, more)
    shutil.rmtree(state)


_COLUMNS: Final[Mapping[str, Cell]] = {
    "seconds": median("seconds", 1),
    "least - most": least_to_most("seconds"),
    "CPU seconds": median("cpu", 1),
    "MB a second": median("MB a second", 1),
    "resident": most_megabytes("resident"),
    "anonymous": most_megabytes("anonymous"),
    "file": most_megabytes("bytes"),
}


def section(results: Results) -> str:
    """Return one table."""
    runs, size = results.median(CASE, FILE, "runs"), results.median(CASE, FILE, "bytes")
    whole = figures(results, CASE, "way", _COLUMNS, leave_out=[FILE])
    return f"**{number(runs, 0)} runs, {megabytes(size)}**\n\n{whole}"

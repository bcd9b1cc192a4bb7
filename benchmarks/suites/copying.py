"""Copying a store with ``tandem-store copy``, between the databases and within SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import product
from typing import Final

from benchmarks import stores
from benchmarks.checkouts import Checkout
from benchmarks.lab import Lab
from benchmarks.process import run
from benchmarks.results import Results
from benchmarks.tables import Cell, figures, least_to_most, median, most_megabytes
from benchmarks.turns import in_turns

TITLE: Final = "Copying a store"
CASE: Final = "copy"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
_WAYS: Final = ((SQLITE, POSTGRESQL), (POSTGRESQL, SQLITE), (SQLITE, SQLITE))
_MOST_ROUNDS: Final = 3


def measure(lab: Lab) -> None:
    """Copy one store in every direction, in turns."""
    rounds = min(lab.sizes.rounds, _MOST_ROUNDS)
    with ExitStack() as made:
        sources = {one: made.enter_context(_sources(lab, one)) for one in lab.checkouts}
        for (source, target), checkout in in_turns(list(product(_WAYS, lab.checkouts)), rounds):
            with lab.new_database(target == POSTGRESQL) as url:
                from_url = sources[checkout][source]
                cost = run(checkout.program("copy", "--from", from_url, "--to", url), lab.programs)
            lab.note(CASE, checkout.named(f"{source} to {target}"), cost, {})


@contextmanager
def _sources(lab: Lab, checkout: Checkout) -> Iterator[dict[str, str]]:
    """Provide the URLs of a store of each kind, with the same runs."""
    runs = lab.sizes.shards[0]
    with lab.new_database() as file_url, lab.new_database(on_server=True) as url:
        stores.import_(checkout, file_url, lab.shards(runs), 1, runs=runs)
        run(checkout.program("copy", "--from", file_url, "--to", url), lab.programs)
        yield {SQLITE: file_url, POSTGRESQL: url}


_COLUMNS: Final[Mapping[str, Cell]] = {
    "seconds": median("seconds"),
    "least - most": least_to_most("seconds"),
    "CPU seconds": median("cpu"),
    "resident": most_megabytes("resident"),
}


def section(results: Results) -> str:
    """Return one table."""
    return figures(results, CASE, "way", _COLUMNS)

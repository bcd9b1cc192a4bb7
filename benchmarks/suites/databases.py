"""The same import into SQLite and into PostgreSQL, into tables that are there already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import Final

import click

from benchmarks import stores
from benchmarks.checkouts import Checkout
from benchmarks.lab import Lab
from benchmarks.process import run
from benchmarks.results import Results
from benchmarks.servers import database_bytes
from benchmarks.tables import Cell, figures, least_to_most, median, most_megabytes, ratio
from benchmarks.turns import in_turns

TITLE: Final = "SQLite and PostgreSQL side by side"
CASE: Final = "both databases"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
_JOBS: Final = {1: "1 process", 2: "2 parsers"}


def subject_of(database: str, jobs: int) -> str:
    """Return the name of an import into one of the two databases."""
    return f"{database}, {_JOBS[jobs]}"


def measure(lab: Lab) -> None:
    """Import the first number of shards, in turns; a checkout's dumps must be the same bytes."""
    runs = lab.sizes.shards[0]
    dumps: dict[bool, set[str]] = defaultdict(set)
    subjects = list(product(lab.sizes.jobs, (SQLITE, POSTGRESQL), lab.checkouts))
    for jobs, database, checkout in in_turns(subjects, lab.sizes.rounds):
        name = checkout.named(subject_of(database, jobs))
        with _empty_store(lab, database, checkout) as url:
            cost = stores.import_(checkout, url, lab.shards(runs), jobs, runs=runs)
            lab.note(CASE, name, cost, {"bytes": database_bytes(url)})
            dumps[checkout.is_before].add(stores.dump(checkout, url).digest)
        if len(dumps[checkout.is_before]) > 1:
            raise click.ClickException(f"{name}: the dump differs")


@contextmanager
def _empty_store(lab: Lab, database: str, checkout: Checkout) -> Iterator[str]:
    """Provide a database with tables, because an import makes them in a new file only."""
    with lab.new_database(database == POSTGRESQL) as url:
        run(checkout.program("--db", url, "db", "upgrade"), lab.programs)
        yield url


_COLUMNS: Final[Mapping[str, Cell]] = {
    "seconds": median("seconds"),
    "least - most": least_to_most("seconds"),
    "CPU seconds": median("cpu"),
    "of SQLite": ratio(lambda subject: subject.replace(POSTGRESQL, SQLITE)),
    "resident": most_megabytes("resident"),
    "size": most_megabytes("bytes"),
}


def section(results: Results) -> str:
    """Return one table."""
    return figures(results, CASE, "database", _COLUMNS)

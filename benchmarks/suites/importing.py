"""Importing history shards, beside what people would use instead; verifying, and compacting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import click
import orjson

from benchmarks import stores
from benchmarks.checkouts import Checkout
from benchmarks.contents import Contents
from benchmarks.lab import Lab
from benchmarks.markdown import NOTHING, megabytes, number, table
from benchmarks.peers import FLOOR, LOADERS, Peer
from benchmarks.process import run
from benchmarks.results import Results
from benchmarks.servers import database_bytes
from benchmarks.tables import Cell, figures, least_to_most, median, most_megabytes, ratio
from benchmarks.turns import in_turns

TITLE: Final = "Importing history shards"
CASES: Final = "import "
SHARDS: Final = "the shards"
IMPORTS: Final = {1: "import, 1 process", 2: "import, 2 parsers"}
VERIFIES: Final = {1: "verify, 1 process", 2: "verify, 2 parsers"}
COMPACT: Final = "months compact"
#: What each of them is compared with.
_IMPORT_OF: Final = {VERIFIES[jobs]: IMPORTS[jobs] for jobs in IMPORTS} | {COMPACT: IMPORTS[2]}


def case_of(runs: int) -> str:
    """Return the name of the case with so many shards."""
    return f"{CASES}{runs:,} shards"


def measure(lab: Lab) -> None:
    """Let every way to load the same shards take turns."""
    for runs in lab.sizes.shards:
        turns = Turns(lab, lab.shards(runs), runs)
        for turn in in_turns(turns.all(), lab.sizes.rounds):
            with lab.folder() as folder:
                turn(folder)


class Turns:
    """The turns over one state directory, and what every database must hold after each."""

    def __init__(self, lab: Lab, state: Path, runs: int) -> None:
        self._lab, self._state, self._runs = lab, state, runs
        self._case = case_of(runs)
        #: What the first of them has stored, and which of them have stored the same.
        self._wanted: Contents | None = None
        self._checked: set[str] = set()
        #: The dumps of each checkout: another commit may store runs as another version.
        self._dumps: dict[bool, set[str]] = defaultdict(set)
        size = sum(file.stat().st_size for file in state.rglob("*.json"))
        lab.results.add(self._case, SHARDS, {"bytes": size})

    def all(self) -> list[Callable[[Path], None]]:
        """Return one turn of each."""
        loads = [
            partial(self._load, peer, command)
            for peer in LOADERS
            if (command := peer.command(self._lab.this.python, self._lab.peers))
        ]
        imports = [
            partial(self._import, checkout, jobs)
            for jobs in IMPORTS
            for checkout in self._lab.checkouts
        ]
        return [*loads, *imports]

    def _load(self, peer: Peer, command: list[str], folder: Path) -> None:
        database = folder / "runs.db"
        cost = run([*command, "load", str(self._state), str(database)], self._lab.programs)
        size = sum(file.stat().st_size for file in folder.iterdir())
        self._lab.note(self._case, peer.name, cost, {"bytes": size})
        if peer.name not in self._checked:
            checked = run([*command, "check", str(database)], self._lab.programs)
            self.check(peer.name, Contents(*orjson.loads(checked.output)))

    def _import(self, checkout: Checkout, jobs: int, folder: Path) -> None:
        url, name = f"sqlite:///{folder / 'runs.db'}", checkout.named(IMPORTS[jobs])
        cost = stores.import_(checkout, url, self._state, jobs, runs=self._runs)
        self._lab.note(self._case, name, cost, {"bytes": database_bytes(url)})
        cost = stores.verify(checkout, url, self._state, jobs, runs=self._runs)
        self._lab.note(self._case, checkout.named(VERIFIES[jobs]), cost, {})
        if jobs == max(IMPORTS) and (options := _compact_options(checkout, folder)):
            cost = run(checkout.program("--db", url, "months", "compact", *options), folder)
            size = database_bytes(url)
            self._lab.note(self._case, checkout.named(COMPACT), cost, {"bytes": size})
        if name not in self._checked:
            self.check_store(name, stores.dump(checkout, url), is_before=checkout.is_before)

    def check(self, name: str, contents: Contents) -> None:
        """Refuse a subject that has stored anything else than the others."""
        self._wanted = self._wanted or contents
        if contents != self._wanted or contents.runs != self._runs:
            raise click.ClickException(f"{name}: stored {contents}, not {self._wanted}")
        self._checked.add(name)

    def check_store(self, name: str, dump: stores.Dump, *, is_before: bool = False) -> None:
        """Refuse a store that has other runs than the others, or another dump than its like."""
        self.check(name, dump.contents)
        self._dumps[is_before].add(dump.digest)
        if len(self._dumps[is_before]) > 1:
            raise click.ClickException(f"{name}: the dump differs")


def _compact_options(checkout: Checkout, folder: Path) -> list[str]:
    """Return how ``months compact`` is called without questions; empty if there is no such command.

    Older commits do not have it.
    """
    if "compact" not in run(checkout.program("months", "--help"), folder).output:
        return []
    known = run(checkout.program("months", "compact", "--help"), folder).output
    return [option for option in ("--yes", "--json") if option in known]


def _of_import(results: Results, case: str, subject: str) -> str:
    return ratio(_IMPORT_OF.get(subject, ""))(results, case, subject)


def _of_shards(results: Results, case: str, subject: str) -> str:
    size, shards = results.median(case, subject, "bytes"), results.median(case, SHARDS, "bytes")
    return number(size / shards, 3) if size and shards else NOTHING


_COLUMNS: Final[Mapping[str, Cell]] = {
    "seconds": median("seconds"),
    "least - most": least_to_most("seconds"),
    "CPU seconds": median("cpu"),
    "of the floor": ratio(FLOOR.name),
    "of the import": _of_import,
    "resident": most_megabytes("resident"),
    "anonymous": most_megabytes("anonymous"),
    "file": most_megabytes("bytes"),
    "of the shards": _of_shards,
}
_LESS: Final = table(["way", "does less"], ([one.name, one.less] for one in LOADERS), words=2)


def section(results: Results) -> str:
    """Return a table for each number of shards, and what the others do less."""
    parts = []
    for case in results.cases(CASES):
        size = megabytes(results.median(case, SHARDS, "bytes"))
        parts += [
            f"**{case.removeprefix(CASES)}, {size}**",
            figures(results, case, "way", _COLUMNS, leave_out=[SHARDS]),
        ]
    return "\n\n".join([*parts, _LESS])

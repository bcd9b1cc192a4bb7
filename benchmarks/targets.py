"""What the package should reach, and what it reaches: the figures that the page begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.markdown import NOTHING, number, table
from benchmarks.peers import FLOOR, LOADERS
from benchmarks.results import Results, before
from benchmarks.suites import databases, hot_file, importing, serving, starts

#: Finds a figure: of this checkout, with the identity, or of the other one, with ``before``.
Value = Callable[[Results, Callable[[str], str]], float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure with its limit."""

    what: str
    limit: float
    value: Value
    unit: str = ""
    digits: int = 2
    #: Most figures are costs; of some more is better.
    is_least: bool = False

    def row(self, results: Results) -> list[str]:
        """Return its line: what, target, measured, whether it is reached, and before, if known."""
        measured = self.value(results, _now)
        reached = NOTHING
        if measured is not None:
            good = measured >= self.limit if self.is_least else measured <= self.limit
            reached = "yes" if good else "no"
        bound = "at least" if self.is_least else "at most"
        cells = [self.what, f"{bound} {self._shown(self.limit)}", self._shown(measured), reached]
        if results.setting["before"]:
            cells.append(self._shown(self.value(results, before)))
        return cells

    def _shown(self, value: float | None) -> str:
        return f"{number(value, self.digits)} {self.unit}".strip() if value is not None else NOTHING


def _now(subject: str) -> str:
    return subject


def _import_ratio(jobs: int, runs: int | None = None) -> Value:
    """Return the time of an import, of the floor's; of the first case unless ``runs`` names one."""

    def value(results: Results, of: Callable[[str], str]) -> float | None:
        case = importing.case_of(runs) if runs else _first(results, importing.CASES)
        return results.ratio(case, of(importing.IMPORTS[jobs]), FLOOR.name, "seconds")

    return value


def _of_fastest_peer(results: Results, of: Callable[[str], str]) -> float | None:
    """Return the time of an import with two parsers, of the fastest peer's."""
    case = _first(results, importing.CASES)
    ratios = [
        ratio
        for peer in LOADERS
        if peer != FLOOR
        and (ratio := results.ratio(case, of(importing.IMPORTS[2]), peer.name, "seconds"))
    ]
    return max(ratios, default=None)


def _verify(results: Results, of: Callable[[str], str]) -> float | None:
    case = _first(results, importing.CASES)
    return results.ratio(case, of(importing.VERIFIES[2]), of(importing.IMPORTS[2]), "seconds")


def _share(subject: str) -> Value:
    """Return the bytes of a database, of those of the shards."""

    def value(results: Results, of: Callable[[str], str]) -> float | None:
        case = _first(results, importing.CASES)
        size = results.median(case, of(subject), "bytes")
        shards = results.median(case, importing.SHARDS, "bytes")
        return size / shards if size and shards else None

    return value


def _hot(quantity: str, scale: float = 1) -> Value:
    def value(results: Results, of: Callable[[str], str]) -> float | None:
        measured = results.median(hot_file.CASE, of(hot_file.IMPORTS[2]), quantity)
        return measured / scale if measured else None

    return value


def _postgresql(results: Results, of: Callable[[str], str]) -> float | None:
    subjects = [
        of(databases.subject_of(database, 2))
        for database in (databases.POSTGRESQL, databases.SQLITE)
    ]
    return results.ratio(databases.CASE, subjects[0], subjects[1], "seconds")


def _call(question: str, quantity: str = "ms", *, last: bool = False) -> Value:
    """Return milliseconds of one call, in the smallest store or the last and largest."""

    def value(results: Results, of: Callable[[str], str]) -> float | None:
        cases = results.cases(serving.CASES) or [""]
        case = cases[-1 if last else 0]
        return results.median(case, of(serving.SQLITE), f"{question}, {quantity}")

    return value


def _growth(question: str) -> Value:
    """Return how much longer a call takes in the slowest store than in the smallest."""

    def value(results: Results, of: Callable[[str], str]) -> float | None:
        times = [
            time
            for case in results.cases(serving.CASES)
            if (time := results.median(case, of(serving.SQLITE), f"{question}, ms"))
        ]
        return max(times) / times[0] if times else None

    return value


def _call_on_postgresql(question: str) -> Value:
    def value(results: Results, of: Callable[[str], str]) -> float | None:
        case = _first(results, serving.CASES)
        both = of(serving.POSTGRESQL), of(serving.SQLITE)
        return results.ratio(case, *both, f"{question}, ms")

    return value


def _added(results: Results, of: Callable[[str], str]) -> float | None:
    """Return how many runs ``add_many`` adds a second."""
    time = _call("add_many")(results, of)
    return results.setting["sizes"]["many"] / time * 1e3 if time else None


def _start(command: str) -> Value:
    return lambda results, of: results.median(starts.CASE, of(command), "CPU ms")


def _first(results: Results, cases: str) -> str:
    return next(iter(results.cases(cases)), "")


HEADLINES: Final = (
    Target("import with two parsers, of the plain loop's time", 1.2, _import_ratio(2)),
    Target("import with two parsers, of the time of the fastest other way", 1.0, _of_fastest_peer),
    Target("size of the store, of the shards'", 0.165, _share(importing.IMPORTS[2]), digits=3),
    Target("the same with compacted months", 0.085, _share(importing.COMPACT), digits=3),
    Target("a big hot file, end to end", 60, _hot("MB a second"), "MB/s", 1, is_least=True),
    Target("import into PostgreSQL, of the time into SQLite", 1.3, _postgresql),
    Target("`get`", 0.30, _call("get"), "ms"),
    Target("`list` of 50", 0.45, _call("list of 50"), "ms"),
    Target("`update`", 0.9, _call("update"), "ms"),
    Target("`tandem-store --version`, CPU", 120, _start("--version"), "ms", 0),
)
OTHERS: Final = (
    Target("import in one process, of the plain loop's time", 1.9, _import_ratio(1)),
    Target("100,000 shards with two parsers, of the plain loop's", 1.0, _import_ratio(2, 100_000)),
    Target("verify, of the time of the import", 1.0, _verify),
    Target("memory of a big hot file's import", 300, _hot("anonymous", 1e6), "MB", 0),
    Target("`update`, p99", 10, _call("update", "p99"), "ms"),
    Target("`claim_next`", 0.4, _call("claim"), "ms"),
    Target("`add`", 0.8, _call("add"), "ms"),
    Target("`add_many`, runs a second", 4_000, _added, digits=0, is_least=True),
    Target("`get` in the slowest store, of the smallest's", 1.5, _growth("get")),
    Target("`list` in the slowest store, of the smallest's", 1.5, _growth("list of 50")),
    Target("`update` in the slowest store, of the smallest's", 1.5, _growth("update")),
    Target("`stats` of the largest store", 1_000, _call("stats", last=True), "ms", 0),
    Target("`count` by status in the largest store", 50, _call("count by status", last=True), "ms"),
    Target("`get` on PostgreSQL, of SQLite's", 2.5, _call_on_postgresql("get")),
    Target("`list` on PostgreSQL, of SQLite's", 2.5, _call_on_postgresql("list of 50")),
    Target("`tandem-store --help`, CPU", 120, _start("--help"), "ms", 0),
    Target("`tandem-store runs list` of a small store, CPU", 250, _start("runs list"), "ms", 0),
    Target("`import tandem_store`, CPU", 150, _start("import tandem_store"), "ms", 0),
)


def target_table(results: Results, targets: tuple[Target, ...]) -> str:
    """Return a table of targets beside what was measured."""
    headings = ["figure", "target", "measured", "reached"]
    if results.setting["before"]:
        headings.append("before")
    return table(headings, (target.row(results) for target in targets))

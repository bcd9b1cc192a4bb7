"""What every suite needs: whom to measure, how much, where to work, where results go."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.checkouts import ROOT, Checkout
from benchmarks.generate import write_shards
from benchmarks.process import Cost
from benchmarks.results import Results
from benchmarks.servers import Server
from benchmarks.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Lab:
    """Where measuring happens."""

    #: A folder that is removed afterwards.
    work: Path
    sizes: Sizes
    #: This checkout, then the one that it is compared with, if any.
    checkouts: tuple[Checkout, ...]
    #: The interpreter of the environment with the peers from PyPI; None leaves them out.
    peers: Path | None
    server: Server
    results: Results

    @property
    def this(self) -> Checkout:
        """The checkout that these benchmarks belong to."""
        return self.checkouts[0]

    @property
    def programs(self) -> Path:
        """The folder in which programs run: it has these benchmarks, but no tandem_store.

        So ``python -m benchmarks...`` finds the same benchmarks in every environment, and with
        them the ``tandem_store`` that is installed there.
        """
        folder = self.work / "programs"
        if not folder.exists():
            folder.mkdir()
            (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
        return folder

    @contextmanager
    def new_database(self, on_server: bool = False) -> Iterator[str]:
        """Provide the URL of a file that does not exist yet, or of an empty PostgreSQL database."""
        if on_server:
            with self.server.new_database() as url:
                yield url
        else:
            with self.folder() as folder:
                yield f"sqlite:///{folder / 'runs.db'}"

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Provide an empty folder, which is removed afterwards."""
        path = Path(tempfile.mkdtemp(dir=self.work))
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def shards(self, runs: int) -> Path:
        """Return a state directory with so many history shards, made when first asked for."""
        state = self.work / f"shards-{runs}"
        if not state.exists():
            self.say(f"writing {runs:,} shards")
            write_shards(state, runs=runs, seed=self.sizes.seed)
        return state

    def note(self, case: str, subject: str, cost: Cost, more: Mapping[str, float]) -> None:
        """Add what a command cost to the results, and say it."""
        self.say(f"{case}: {subject}: {cost.seconds:.2f} s")
        costs = {
            "seconds": cost.seconds,
            "cpu": cost.cpu,
            "resident": cost.resident,
            "anonymous": cost.anonymous,
        }
        self.results.add(case, subject, {**costs, **more})

    def say(self, what: str) -> None:
        """Say on standard error what is being measured."""
        click.echo(what, err=True)

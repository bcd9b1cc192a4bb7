"""What every suite needs: subjects, sizes, a folder to work in, and where results go."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.checkouts import ROOT, Checkout
from benchmarks.generate import write_shards
from benchmarks.process import Cost
from benchmarks.results import Results
from benchmarks.servers import Server


@dataclass(frozen=True, slots=True)
class StoreSize:
    """A store in which calls are measured."""

    runs: int
    months: int

    def __str__(self) -> str:
        return f"{self.runs:,} runs in {self.months} months"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; as it stands, the sizes of a run that may be published."""

    #: History shards of each import, one case each; the first is also what is copied.
    shards: tuple[int, ...] = (10_000,)
    #: Processes of the imports into both databases.
    jobs: tuple[int, ...] = (1, 2)
    #: Turns of each command.
    rounds: int = 5
    hot_bytes: int = 1_000_000_000
    stores: tuple[StoreSize, ...] = (
        StoreSize(10_000, 14),
        StoreSize(100_000, 14),
        StoreSize(100_000, 120),
    )
    #: PostgreSQL takes part in stores up to this many runs, and the peers in the first store.
    server_runs: int = 100_000
    #: Turns of each call.
    slices: int = 20
    #: Calls of each kind a turn; long ones are called less often.
    batch: int = 40
    #: Runs that one ``add_many`` adds.
    many: int = 1_000
    #: Runs in the engine's files of which one is updated.
    engine_runs: int = 4_000
    #: Turns of each command that does hardly anything.
    starts: int = 15
    #: Kilobytes of damaged files.
    damaged: tuple[int, ...] = (128, 256, 512, 1_024, 2_048, 4_096)
    seed: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the sizes as the file of results has them."""
        return asdict(self) | {"stores": [[one.runs, one.months] for one in self.stores]}


FULL: Final = Sizes()
#: Large enough for every call and every check, small enough for each run of the tests.
QUICK: Final = Sizes(
    shards=(60,),
    jobs=(2,),
    rounds=1,
    hot_bytes=1_000_000,
    stores=(StoreSize(100, 3),),
    slices=2,
    batch=2,
    many=20,
    engine_runs=20,
    starts=1,
    damaged=(16, 32),
)
ONE_MILLION: Final = StoreSize(1_000_000, 120)


def are_full(sizes: dict[str, Any]) -> bool:
    """Return whether sizes, as a file of results has them, are at least those of ``FULL``."""
    full = FULL.as_json()
    return all(_covers(sizes[name], full[name]) for name in full if name != "seed")


def _covers(measured: Any, wanted: Any) -> bool:
    if isinstance(wanted, list | tuple):
        return all(one in measured for one in wanted)
    return bool(measured >= wanted)


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

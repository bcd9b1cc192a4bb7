"""How much is measured: at full size, or just enough to check the results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final


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

"""A state directory of thousands of runs that differ in whatever runs can differ in.

They are those of the benchmarks, about 24 KB each, so what is measured here compares with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

from benchmarks.workload import Workload
from tandem_store import RunStatus, clock
from tandem_store.records import TERMINAL_STATUSES
from tests.support.legacy_runs import Json
from tests.support.state_directories import StateDir, stripped

DAY_MS: Final = 86_400_000
#: Few, so that even 10,000 runs fill what an export of Parquet collects of a month in memory.
_MONTHS: Final = 5
_TENANTS: Final[tuple[Json, ...]] = (
    {"org_id": "local", "workspace_id": "local", "source": "local_implicit"},
    {"org_id": "acme", "workspace_id": "north", "source": "explicit"},
    {"org_id": "acme", "workspace_id": "north", "deployment_id": "eu", "source": "explicit"},
    {"org_id": "örg\0", "workspace_id": "\U0001f600", "deployment_id": "", "source": "explicit"},
)
_TEXTS: Final = ("plain", "é", "e\u0301", "\0", "\ud7ff\uffff", "\U0001f600", '"\\\n\u2028', "")
#: Fields that no release knows, with numbers that are easily mistaken for others.
_UNKNOWN: Final[Json] = {"zz": {"\0": [1, 1.0, -0.0, 2**63, 1e16, 5e-324, None, {}, []]}, "é": None}


def write_state(root: Path, count: int) -> None:
    """Write ``count`` runs below ``root``: shards, and a hot file with copies and open runs.

    Every ninth run takes its turn through the statuses, so one of sixteen is open. Of each hundred,
    two are left damaged in the hot file alone, and two are stripped there and whole in their shard.
    """
    state, hot = StateDir(root), dict[str, Json]()
    for number, run in enumerate(_runs(count)):
        run_id, place = run["run_id"], number % 100
        if place in {7, 57}:
            hot[run_id] = {name: value for name, value in run.items() if name != "status"}
            continue
        state.shard(run, name=f"{number}-{run_id[:60]}".replace("/", "_").replace("\0", "_"))
        if place in {13, 63}:
            hot[run_id] = stripped(run, updated_at_ms=run["updated_at_ms"] + 1)
        elif run["status"] not in TERMINAL_STATUSES:
            hot[run_id] = run
        elif place == 19 and "automation_snapshot" in run:
            state.definition(run["automation_snapshot"])
    state.hot(hot)


def _runs(count: int) -> Iterator[Json]:
    statuses, tenants, texts = map(cycle, (RunStatus, _TENANTS, _TEXTS))
    now_ms = clock.now_ms()
    for number, run in enumerate(Workload(seed=7, months=_MONTHS).runs(count)):
        run |= {"tenant_context": next(tenants), "detail": next(texts)}
        if number % 9 == 0:
            run["status"] = next(statuses).value
        if run["status"] not in TERMINAL_STATUSES:
            del run["finished_at_ms"]
        if number % 11 == 0:
            run |= _UNKNOWN
            run["checkpoint"] |= _UNKNOWN
        if number % 17 == 0:
            run["run_id"] = f"{run['run_id']}/{next(texts)}"
        if number % 50 == 1:  # So it ended lately, and the engine keeps it in the hot file.
            run |= {"created_at_ms": now_ms - DAY_MS, "updated_at_ms": now_ms - DAY_MS + number}
        if number % 23 == 0:
            del run["automation_snapshot"]
        yield run

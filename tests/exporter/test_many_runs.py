"""Exports of many runs: nothing is lost on the way back, and memory stays the same.

``make test-long`` prints what they took; docs/internals/performance.md has the figures of one time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import starmap
from operator import eq
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest

from benchmarks.process import Cost, run
from tandem_store import open_store
from tandem_store.dump import dump_lines
from tandem_store.exporter.pages import pages
from tandem_store.legacy import parse_runs_file, parse_shard_file
from tests.exporter.generated import write_state
from tests.support.databases import NewStore
from tests.support.importing import imported

RUNS = 10_000
#: How often the runs are in the larger store.
TIMES = 5
#: The words of the command, and how much more memory five times as many runs may take. What Parquet
#: collects before it writes does not grow, but the allocator needs some months to have room for it.
FORMATS = {
    "jsonl": ("jsonl runs.jsonl", 1.2),
    "jsonl.zst": ("jsonl runs.jsonl.zst", 1.2),
    "csv": ("csv runs.csv", 1.2),
    "csv, one value of the record": ("csv v.csv --fields run_id,/checkpoint/blocked_nodes", 1.2),
    "parquet": ("parquet tables", 1.6),
    "legacy": ("legacy state", 1.2),
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with 10,000 runs."""
    root = tmp_path_factory.mktemp("generated") / "state"
    write_state(root, RUNS)
    return root


def exported(url: str, folder: Path, words: str) -> Cost:
    """What an export by the command costs; paths are relative to the folder."""
    line = [sys.executable, "-m", "tandem_store", "--db", url, "export", *words.split(), "--json"]
    return run(line, folder)


def show(what: str, cost: Cost, runs: int) -> None:
    """Print figures, for those who asked to see them."""
    print(
        f"\n{what}, {runs:,} runs: {cost.seconds:.1f} s, {runs / cost.seconds:,.0f} runs a second, "
        f"CPU {cost.cpu:.1f} s, resident {cost.resident / 1e6:.0f} MB, "
        f"anonymous {cost.anonymous / 1e6:.0f} MB"
    )


def of_the_engine(url: str) -> Iterator[bytes]:
    """The lines of the dump that an engine could know: runs, months and definitions."""
    for line in dump_lines(url):
        if orjson.loads(line)["kind"] in {"run", "month", "automation"}:
            yield line


def test_ten_thousand_runs_come_back(
    database: str, store_url: str, new_store: NewStore, generated: Path, folder: Path
) -> None:
    """An import of the export makes the same store, and no entry of it is damaged."""
    first = imported(store_url, generated)
    assert first["runs"] == RUNS
    assert all(first["outcomes"][name] for name in ("recovered", "restored_from", "superseded"))

    cost = exported(store_url, folder, "legacy state")

    show(f"legacy on {database}", cost, RUNS)
    told = orjson.loads(cost.output)
    assert (told["runs"], told["limited"]) == (RUNS, [])
    again = new_store()
    second = imported(again, folder / "state")
    assert (second["quarantined"], second["outcomes"]["recovered"]) == ([], 0)
    assert second["outcomes"]["imported"] == RUNS
    assert all(starmap(eq, zip(of_the_engine(again), of_the_engine(store_url), strict=True)))
    assert_readable(folder / "state" / "data", hot=told["hot"])


def assert_readable(data: Path, *, hot: int) -> None:
    """Every entry of the hot file and every shard is read, and nothing had to be recovered."""
    entries, upgraded = parse_runs_file((data / "automation_v2_runs.json").read_bytes())
    assert (len(entries), upgraded) == (hot, False)
    shards = (data / "automation-runs").rglob("*.json")
    ids = {parse_shard_file(path.read_bytes()).run_id for path in shards}
    assert len(ids) == RUNS
    assert entries.keys() <= ids


def test_more_runs_take_no_more_memory(
    database: str, store_url: str, generated: Path, folder: Path
) -> None:
    """Neither here nor in a driver that would read all rows at once."""
    imported(store_url, generated)
    costs = costs_of_exports(store_url, folder, f"on {database}", RUNS)

    multiply(store_url)
    more = costs_of_exports(store_url, folder, f"on {database}", RUNS * TIMES)

    for name, (_, factor) in FORMATS.items():
        assert more[name].anonymous < factor * costs[name].anonymous, name


def costs_of_exports(url: str, folder: Path, where: str, runs: int) -> dict[str, Cost]:
    """What each format costs; nothing is left of it."""
    costs = {}
    for name, (words, _) in FORMATS.items():
        with TemporaryDirectory(dir=folder) as room:
            costs[name] = exported(url, Path(room), words)
        assert orjson.loads(costs[name].output)["runs"] == runs
        show(f"{name} {where}", costs[name], runs)
    return costs


def multiply(url: str) -> None:
    """Put each run of a store into it four times more, under other ids."""
    with open_store(url) as store:
        with store.read() as tx:
            ids = [summary.run_id for page in pages(tx, None, 500) for summary in page]
        for first in range(0, len(ids), 500):
            with store.begin() as tx:
                runs = [one.record() for one in tx.runs.documents(ids[first : first + 500])]
                tx.runs.add_many(
                    run.model_copy(update={"run_id": f"{run.run_id}-{number}"})
                    for run in runs
                    for number in range(1, TIMES)
                )

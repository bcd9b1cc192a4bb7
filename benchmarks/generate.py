"""Write a legacy state directory of any size: ``python -m benchmarks.generate shards|hot OUT``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from benchmarks.workload import Workload

_HOT_HEAD = b'{\n  "schema_version": 1,\n  "runs": {'
_HOT_TAIL = b"\n  }\n}"


def write_shards(out: Path, *, runs: int, months: int = 14, seed: int = 1) -> int:
    """Write ``runs`` history shards below the state directory ``out``; returns their bytes."""
    history = out / "data" / "automation-runs" / "automation_v2_runs"
    folders: set[Path] = set()
    written = 0
    for run in Workload(seed=seed, months=months).runs(runs):
        updated = datetime.fromtimestamp(run["updated_at_ms"] / 1000, UTC)
        folder = history / f"{updated:%Y}" / f"{updated:%m}"
        if folder not in folders:
            folder.mkdir(parents=True, exist_ok=True)
            folders.add(folder)
        envelope = {"schema_version": 1, "run": run}
        written += (folder / f"{run['run_id']}.json").write_bytes(
            orjson.dumps(envelope, option=orjson.OPT_INDENT_2)
        )
    return written


def write_hot(out: Path, *, size: int, months: int = 14, seed: int = 1) -> int:
    """Write one hot file of ``size`` bytes or a run more below ``out``; returns its runs.

    Runs go to the file one by one, so that memory stays flat at any size.
    """
    path = out / "data" / "automation_v2_runs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("wb") as file:
        left = size - file.write(_HOT_HEAD) - len(_HOT_TAIL)
        for run in Workload(seed=seed, months=months).runs():
            left -= file.write(b",\n    " if count else b"\n    ")
            left -= file.write(_hot_entry(run))
            count += 1
            if left <= 0:
                break
        file.write(_HOT_TAIL)
    return count


def _hot_entry(run: dict[str, object]) -> bytes:
    """One ``key: run`` pair, indented as deep as it lies in the hot file."""
    text = orjson.dumps(run, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n    ")
    return orjson.dumps(run["run_id"]) + b": " + text


@click.group()
def main() -> None:
    """Write a legacy state directory for measurements."""


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--runs", default=10_000, show_default=True)
@click.option("--months", default=14, show_default=True)
@click.option("--seed", default=1, show_default=True)
def shards(out: Path, runs: int, months: int, seed: int) -> None:
    """One history shard per run."""
    written = write_shards(out, runs=runs, months=months, seed=seed)
    click.echo(f"{runs} shards, {written:,} bytes")


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--bytes", "size", default=1_000_000_000, show_default=True)
@click.option("--months", default=14, show_default=True)
@click.option("--seed", default=1, show_default=True)
def hot(out: Path, size: int, months: int, seed: int) -> None:
    """One hot file that holds every run."""
    count = write_hot(out, size=size, months=months, seed=seed)
    click.echo(f"one hot file of {count} runs")


if __name__ == "__main__":
    main()

"""What the store commands of a checkout do with a database, and what is in it afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson

from benchmarks.checkouts import Checkout
from benchmarks.contents import Contents, contents_of
from benchmarks.process import Cost, environment, run


class Dump(NamedTuple):
    """What ``tandem-store dump`` printed."""

    #: SHA-256 of all of it.
    digest: str
    #: The runs of it, as peers can have them too.
    contents: Contents


def import_(checkout: Checkout, url: str, state: Path, jobs: int, *, runs: int) -> Cost:
    """Import a state directory.

    Raises:
        click.ClickException: not all ``runs`` arrived, so its time means nothing.
    """
    options = ["--jobs", str(jobs), "--json"]
    cost = run(checkout.program("--db", url, "import", str(state), *options), state.parent)
    if (arrived := orjson.loads(cost.output)["runs"]) != runs:
        raise click.ClickException(f"{arrived} of {runs} runs were imported")
    return cost


def verify(checkout: Checkout, url: str, state: Path, jobs: int, *, runs: int) -> Cost:
    """Compare a state directory with the store.

    Raises:
        click.ClickException: not all ``runs`` are the same.
    """
    options = ["--jobs", str(jobs), "--json"]
    cost = run(checkout.program("--db", url, "verify", str(state), *options), state.parent)
    if (same := orjson.loads(cost.output)["same"]) != runs:
        raise click.ClickException(f"{same} of {runs} runs are the same")
    return cost


def dump(checkout: Checkout, url: str) -> Dump:
    """Return what the store holds; it is read line by line, at any size."""
    command = checkout.program("--db", url, "dump")
    whole = sha256()
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        contents = contents_of(_records(process.stdout, whole))
    if process.returncode != 0:
        raise click.ClickException(f"{' '.join(command)} exited {process.returncode}")
    return Dump(whole.hexdigest(), contents)


def _records(lines: Iterable[bytes], whole: Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        whole.update(line)
        value = orjson.loads(line)
        if value["kind"] == "run":
            yield value["record"]
